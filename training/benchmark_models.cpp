// SPDX-License-Identifier: Apache-2.0
#include "training/benchmark_models.h"

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "models/cnn.h"
#include "models/gpt.h"
#include "models/lstm_lm.h"
#include "models/mlp.h"
#include "models/resnet.h"

namespace gradus {
namespace {

template <class Sizes>
Model model_of(Sizes sizes) {
  return [sizes](Place& place, Value input) { return sizes.build(place, input); };
}

BenchmarkModel image_model(std::string_view name, Model model, int64_t batch, const Shape& sample,
                           double lr = 0.01) {
  return {name, std::move(model), {batch, sample, {}, false}, 10, make_optimizer("momentum"), lr};
}

BenchmarkModel text_model(std::string_view name, Model model, int64_t vocabulary, int64_t batch,
                          int64_t seq) {
  return {name,       std::move(model),        {batch, {seq}, {seq}, true},
          vocabulary, make_optimizer("adamw"), 3e-4};
}

Model small_gpt(int64_t vocabulary) {
  return model_of(
      Gpt{.vocabulary = vocabulary, .context = 256, .layers = 4, .heads = 4, .width = 256});
}

}  // namespace

std::vector<std::string_view> benchmark_model_names() {
  return {"mlp", "cnn", "resnet18", "lstm", "gpt_v256", "gpt_v8192", "gpt2_124m"};
}

BenchmarkModel benchmark_model(std::string_view name) {
  const Initialiser init = Initialiser::fan_in_uniform();
  if (name == "mlp") return image_model(name, model_of(Mlp{.init = init}), 128, {784});
  if (name == "cnn") return image_model(name, model_of(Cnn{.init = init}), 64, {1, 28, 28});
  if (name == "resnet18")
    // A small rate: at 0.01 rounding alone moves the fifth loss by more than peers may differ.
    return image_model(name, model_of(Resnet{.depth = 18, .small_stem = true}), 32, {3, 32, 32},
                       0.001);
  if (name == "lstm") return text_model(name, model_of(LstmLm{}), 256, 32, 64);
  if (name == "gpt_v256") return text_model(name, small_gpt(256), 256, 8, 256);
  if (name == "gpt_v8192") return text_model(name, small_gpt(8192), 8192, 8, 256);
  if (name == "gpt2_124m") return text_model(name, model_of(Gpt::named("gpt2")), 50257, 4, 64);
  const auto names = benchmark_model_names();
  failf(ErrorKind::invalid_argument, "bench train", "unknown model '{}', expected one of {}", name,
        fmt::join(names, ", "));
}

HostBatch benchmark_batch(const BenchmarkModel& model) {
  HostBatch batch(model.spec, DType::f32);
  if (model.spec.tokens) {
    const PhiloxKey key = philox_key({}, path_id(fmt::format("{}/input", model.name)));
    auto* tokens = batch.inputs.data_as<int64_t>();
    for (int64_t i = 0; i < batch.inputs.numel(); ++i)
      tokens[i] = philox_word(key, static_cast<uint64_t>(i)) % model.classes;
  } else {
    initialise(batch.inputs, Initialiser::normal(0, 1), 0, fmt::format("{}/input", model.name));
  }
  const PhiloxKey key = philox_key({}, path_id(fmt::format("{}/target", model.name)));
  auto* targets = batch.targets.data_as<int64_t>();
  for (int64_t i = 0; i < batch.targets.numel(); ++i)
    targets[i] = philox_word(key, static_cast<uint64_t>(i)) % model.classes;
  return batch;
}

}  // namespace gradus
