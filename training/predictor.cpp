// SPDX-License-Identifier: Apache-2.0
#include "training/predictor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "training/metrics/calibration.h"
#include "training/model_factory.h"
#include "training/precision.h"
#include "training/session.h"

namespace gradus {
namespace {

// More samples at a time gain nothing.
constexpr int64_t most_samples = 64;

BatchSpec spec_of(const Recipe& recipe, const DataCard& card, const std::string& run) {
  if (card.tokens)
    failf(ErrorKind::invalid_argument, run, "this run's model reads text, not samples");
  if (card.format == "series" && card.fields.empty())
    failf(ErrorKind::unsupported, run,
          "keeps too little of its series to go on from another one; train it again");
  if (card.format == "graph")
    failf(ErrorKind::unsupported, run,
          "this run learnt from the nodes of a graph, which `eval` scores; it takes no other "
          "samples");
  return {.batch = std::clamp<int64_t>(recipe.integer("batch"), 1, most_samples),
          .sample = card.sample,
          .target = {}};
}

}  // namespace

Predictor::Predictor(const std::string& run, const RunWeights& weights, int threads)
    : recipe_(recipe_of_run(run, weights)),
      card_(load_data_card(run)),
      spec_(spec_of(recipe_, card_, run)),
      states_(find_device(recipe_.text("device"))),
      arena_(states_.device()),
      host_(spec_, precision_of(recipe_).parameters) {
  if (threads > 0)
    set_thread_count(threads);
  else
    use_threads(recipe_);
  build(false);
  load_run_weights(run, weights, parameters_, states_);
}

void Predictor::build(bool thinned) {
  const Model model = make_model(recipe_, card_.sample, card_.outputs());
  const Precision precision = precision_of(recipe_);
  program_.emplace(
      prediction_graph(model, spec_, precision.parameters, parameters_, precision.low, thinned),
      states_, arena_);
}

void Predictor::set_temperature(double temperature) {
  GRADUS_CHECK(temperature > 0 && std::isfinite(temperature),
               "[temperature] expected a finite number above 0, got {}", temperature);
  GRADUS_CHECK(temperature == 1 || card_.labels || !card_.class_names.empty(),
               "[temperature] is for classes, the run predicts numbers");
  temperature_ = temperature;
}

void Predictor::draw_dropout(int64_t passes, uint64_t seed) {
  GRADUS_CHECK(passes >= 2, "[mc-dropout] expected at least 2 passes, got {}", passes);
  GRADUS_CHECK(recipe_.has("model.dropout") && recipe_.real("model.dropout") > 0,
               "[mc-dropout] the run's model has no dropout to draw from; train it with "
               "model.dropout above 0");
  passes_ = passes;
  seed_ = seed;
  build(true);
}

void Predictor::run(const Dataset& samples, const Visitor& visit,
                    const std::function<void(int64_t)>& lost) {
  const auto width = static_cast<size_t>(card_.outputs());
  std::vector<int64_t> indices;
  for (int64_t first = 0; first < samples.size(); first += spec_.batch) {
    indices.resize(static_cast<size_t>(std::min(spec_.batch, samples.size() - first)));
    std::iota(indices.begin(), indices.end(), first);
    samples.fill(indices, 0, host_.inputs, host_.targets);
    sums_.restart(indices.size() * width);
    for (int64_t pass = 0; pass < std::max<int64_t>(passes_, 1); ++pass) add_pass(pass, indices);
    ++batches_;
    const std::vector<double> spread = passes_ > 0 ? sums_.spread() : std::vector<double>{};
    for (size_t i = 0; i < indices.size(); ++i) {
      const Answer said{
          sums_.mean().subspan(i * width, width),
          passes_ > 0 ? std::span(spread).subspan(i * width, width) : std::span<const double>{}};
      if (!std::isnan(said.values[0]))
        visit(indices[i], said);
      else if (lost)
        lost(indices[i]);
      else
        failf(ErrorKind::not_finite, "model", "its output for sample {} is not finite", indices[i]);
    }
  }
}

// The model's answers for the batch that waits in host_; NaN for a sample of which it says such.
void Predictor::add_pass(int64_t pass, std::span<const int64_t> indices) {
  const auto width = static_cast<size_t>(card_.outputs());
  program_->set_input("input", host_.inputs);
  program_->run({seed_, static_cast<uint64_t>(pass), batches_});
  std::vector<double> outputs = program_->output("outputs").to_doubles();
  std::vector<double> answers(indices.size() * width);
  for (size_t i = 0; i < indices.size(); ++i) {
    const std::span<double> out(answers.data() + i * width, width);
    try {
      answer({outputs.data() + i * width, width}, indices[i], out);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_finite) throw;
      std::ranges::fill(out, std::numeric_limits<double>::quiet_NaN());
    }
  }
  sums_.add(answers);
}

void Predictor::answer(std::span<double> outputs, int64_t sample, std::span<double> out) const {
  if (!card_.class_names.empty()) {
    // The largest becomes 0, which no temperature makes infinite.
    const double most = std::ranges::max(outputs);
    if (temperature_ != 1 && std::isfinite(most))
      for (double& logit : outputs) logit = (logit - most) / temperature_;
    return softmax(outputs, sample, out);
  }
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!std::isfinite(outputs[k]))
      failf(ErrorKind::not_finite, "model", "its output for sample {} is {}", sample, outputs[k]);
    out[k] = card_.labels ? 1 / (1 + std::exp(-outputs[k] / temperature_))
                          : card_.target_scales[k].inverse(outputs[k]);
  }
}

}  // namespace gradus
