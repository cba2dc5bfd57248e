// SPDX-License-Identifier: Apache-2.0
#include "tools/loader_bench.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>

#include "engine/base/error.h"
#include "engine/exec/executable.h"
#include "training/data_factory.h"
#include "training/loader.h"
#include "training/model_factory.h"
#include "training/session.h"

namespace gradus {
namespace {

constexpr int64_t kept_batches = 8;  // in memory
constexpr int64_t no_end = int64_t{1} << 40;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

Sampler sampler_of(const Recipe& recipe, const Dataset& data) {
  Sampler sampler = make_sampler(recipe, data);
  GRADUS_CHECK(
      sampler.forms().size() == 1,
      "[data bench] --train: expected batches of one form (data.drop_last=true and another "
      "data.packing than bucket), got {}",
      sampler.forms().size());
  return sampler;
}

// A recipe's step, and batches for it from both sources.
class LoaderBench {
 public:
  LoaderBench(const Recipe& recipe, int64_t workers)
      : dtype_(precision_of(recipe).parameters),
        seed_(static_cast<uint64_t>(recipe.integer("seed"))),
        lr_(recipe.real("lr")),
        data_(load_data(recipe, Split::train)),
        spec_(training_spec(recipe, *data_, recipe.integer("batch"))),
        loader_(data_, sampler_of(recipe, *data_), spec_, dtype_,
                {.parts = 1, .workers = workers, .end = no_end}),
        states_(find_device(recipe.text("device"))),
        arena_(states_.device()),
        program_(training_graph(make_model(recipe, *data_), spec_, dtype_, make_optimizer(recipe),
                                recipe.real("clip"), parameters_),
                 states_, arena_) {
    set_first_values(parameters_, seed_, states_);
    for (int64_t i = 0; i < kept_batches; ++i) {
      const HostBatch& batch = loader_.at(next_++);
      HostBatch& kept = kept_.emplace_back(spec_, dtype_);
      kept.inputs.copy_from(batch.inputs);
      kept.targets.copy_from(batch.targets);
    }
  }

  void step_from_loader() { step(loader_.at(next_++)); }
  void step_from_memory() { step(kept_[static_cast<size_t>(step_ % kept_batches)]); }

 private:
  void step(const HostBatch& batch) {
    ++step_;
    program_.set_input("input", batch.inputs);
    program_.set_input("target", batch.targets);
    program_.set_input("lr", lr_);
    program_.set_input("step", static_cast<double>(step_));
    program_.run({seed_, static_cast<uint64_t>(step_), 0});
  }

  DType dtype_;
  uint64_t seed_;
  double lr_;
  std::shared_ptr<const Dataset> data_;
  BatchSpec spec_;
  Loader loader_;
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  Executable program_;
  std::vector<HostBatch> kept_;
  int64_t next_ = 0, step_ = 0;
};

double steps_a_second(double seconds, const std::function<void()>& step) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  for (int64_t done = 1;; ++done) {
    step();
    const double passed = std::chrono::duration<double>(Clock::now() - begin).count();
    if (passed >= seconds) return static_cast<double>(done) / passed;
  }
}

}  // namespace

LoaderRates measure_loader(const Recipe& recipe, int64_t windows, double seconds) {
  use_threads(recipe);
  LoaderRates rates;
  rates.workers = std::max<int64_t>(recipe.integer("data.workers"), 1);
  LoaderBench bench(recipe, rates.workers);
  for (int i = 0; i < 3; ++i) bench.step_from_memory();
  std::vector<double> loader, memory, ratios;
  for (int64_t window = 0; window < windows; ++window) {
    memory.push_back(steps_a_second(seconds, [&] { bench.step_from_memory(); }));
    loader.push_back(steps_a_second(seconds, [&] { bench.step_from_loader(); }));
    ratios.push_back(loader.back() / memory.back());
  }
  rates.loader = median(loader);
  rates.memory = median(memory);
  rates.ratio = median(ratios);
  return rates;
}

}  // namespace gradus
