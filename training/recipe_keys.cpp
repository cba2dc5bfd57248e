// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_keys.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace gradus {
namespace {

using enum AttrType;
using Names = std::vector<std::string_view>;
using Integers = KeyValue::Integers;

constexpr double unbounded = std::numeric_limits<double>::infinity();
constexpr double above_zero = std::numeric_limits<double>::denorm_min();
constexpr double below_one = 1 - std::numeric_limits<double>::epsilon() / 2;
constexpr double large = 1 << 30;

const Names initialisers = {"he_normal",      "he_uniform",     "xavier_normal",
                            "xavier_uniform", "fan_in_uniform", "orthogonal"};
const Names activations = {"relu", "leaky_relu", "elu", "gelu", "silu", "mish", "tanh", "sigmoid"};

std::vector<RecipeKey> run_keys() {
  return {
      {"seed", integer, 1, "of everything random: first weights, order of samples, dropout", 0},
      {"epochs", integer, 1, "passes over the training samples", 1, large},
      {"steps", integer, 0, "optimizer steps; 0: as many as `epochs` take", 0, large},
      {"batch", integer, 64, "samples an optimizer step, over all devices", 1, large},
      {"precision", text, "f32", "of parameters and arithmetic", {}, {}, {"f32", "f64"}},
      {"device", text, "auto", "auto, cpu, cuda or cuda:N"},
      {"threads", integer, 0, "0: OMP_NUM_THREADS, else the processors this process may use", 0,
       1024},
      {"lr", real, 0.001, "learning rate, at its highest under a schedule", 0, unbounded},
      {"clip", real, 0.0, "largest norm of all gradients together; 0: no limit", 0, unbounded},
      {"validate_every", integer, 0, "steps between validations; 0: after each epoch", 0, large},
  };
}

std::vector<RecipeKey> schedule_keys() {
  return {
      {"schedule.name",
       text,
       "constant",
       "how lr moves over the run",
       {},
       {},
       {"constant", "cosine"}},
      {"schedule.warmup", integer, 0, "steps over which lr rises from 0", 0, large},
      {"schedule.final",
       real,
       0.0,
       "lr at the end as a share of `lr`",
       0,
       1,
       {},
       "schedule.name",
       {"cosine"}},
  };
}

std::vector<RecipeKey> optimizer_keys() {
  const std::string_view name = "optimizer.name";
  const Names adams = {"adam", "adamw"};
  return {
      {name,
       text,
       "adamw",
       "the update rule",
       {},
       {},
       {"sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"}},
      {"optimizer.momentum",
       real,
       0.9,
       "share of the last update that is kept",
       0,
       below_one,
       {},
       name,
       {"momentum", "nesterov"}},
      {"optimizer.beta1",
       real,
       0.9,
       "decay of the mean of gradients",
       0,
       below_one,
       {},
       name,
       adams},
      {"optimizer.beta2",
       real,
       0.999,
       "decay of the mean of squared gradients",
       0,
       below_one,
       {},
       name,
       adams},
      {"optimizer.alpha",
       real,
       0.99,
       "decay of the mean of squared gradients",
       0,
       below_one,
       {},
       name,
       {"rmsprop"}},
      {"optimizer.eps",
       real,
       1e-8,
       "added to the root of the mean square",
       0,
       unbounded,
       {},
       name,
       {"adagrad", "rmsprop", "adam", "adamw"}},
      {"optimizer.weight_decay", real, 0.0,
       "pull of weights of rank 2 and more to zero; with adamw apart from the gradient", 0,
       unbounded},
  };
}

std::vector<RecipeKey> model_keys() {
  const std::string_view name = "model.name";
  const Names nets = {"mlp", "cnn"}, text_models = {"gpt", "lstm"};
  return {
      {name, text, "mlp", "the architecture", {}, {}, {"mlp", "cnn", "resnet", "gpt", "lstm"}},
      {"model.hidden",
       integers,
       Integers{512},
       "widths of the linear layers before the last",
       1,
       large,
       {},
       name,
       nets},
      {"model.channels",
       integers,
       Integers{32, 64},
       "of each block of convolution and pooling",
       1,
       large,
       {},
       name,
       {"cnn"}},
      {"model.activation", text, "relu", "between layers", {}, {}, activations, name, nets},
      {"model.init",
       text,
       "he_normal",
       "first values of weights",
       {},
       {},
       initialisers,
       name,
       nets},
      {"model.depth",
       integer,
       20,
       "20 (6 n + 2) for 32x32 images; 18, 34, 50",
       8,
       1202,
       {},
       name,
       {"resnet"}},
      {"model.small_stem",
       boolean,
       true,
       "depths 18, 34, 50 start with a 3x3 convolution",
       {},
       {},
       {},
       name,
       {"resnet"}},
      {"model.size",
       text,
       "custom",
       "sizes by name; custom: the keys below",
       {},
       {},
       {"custom", "gpt2", "gpt2_medium", "gpt2_large", "gpt2_xl"},
       name,
       {"gpt"}},
      {"model.layers", integer, 4, "layers", 1, 1024, {}, name, text_models},
      {"model.heads", integer, 4, "attention heads", 1, 1024, {}, name, {"gpt"}},
      {"model.width", integer, 256, "of the embedding", 1, 1 << 20, {}, name, text_models},
      {"model.cells", integer, 256, "of each LSTM layer", 1, 1 << 20, {}, name, {"lstm"}},
      {"model.dropout",
       real,
       0.0,
       "share of activations dropped in training",
       0,
       below_one,
       {},
       name,
       {"mlp", "cnn", "gpt", "lstm"}},
  };
}

std::vector<RecipeKey> data_keys() {
  const std::string_view format = "data.format";
  const Names images = {"idx"};
  return {
      {format,
       text,
       "idx",
       "idx: images of the MNIST family; text: train.txt and val.txt",
       {},
       {},
       {"idx", "text"}},
      {"data.path", text, "data/cache/fashion_mnist",
       "the folder; scripts/data.sh makes data/cache/NAME"},
      {"data.classes", integer, 10, "number of classes", 2, large, {}, format, images},
      {"data.mean",
       real,
       0.0,
       "of all pixels in [0, 1]; subtracted",
       {},
       unbounded,
       {},
       format,
       images},
      {"data.deviation",
       real,
       1.0,
       "of all pixels; divided by",
       above_zero,
       unbounded,
       {},
       format,
       images},
      {"data.validation_samples",
       integer,
       0,
       "training samples kept for validation",
       0,
       large,
       {},
       format,
       images},
      {"data.length", integer, 128, "tokens (bytes) a sample", 1, 1 << 20, {}, format, {"text"}},
  };
}

std::string range_text(const RecipeKey& key) {
  if (!key.choices.empty()) return fmt::format("{}", fmt::join(key.choices, ", "));
  const bool low = std::isfinite(key.least), high = std::isfinite(key.most);
  if (!low && !high) return "";
  if (key.least == above_zero) return "above 0";
  const std::string from = low ? fmt::format("{:g}", key.least) : "";
  return high ? fmt::format("{} to {}", from,
                            key.most == below_one ? "below 1" : fmt::format("{}", key.most))
              : fmt::format("at least {}", from);
}

}  // namespace

const std::vector<RecipeKey>& recipe_keys() {
  static const std::vector<RecipeKey> keys = [] {
    std::vector<RecipeKey> all;
    for (const auto& part :
         {run_keys(), schedule_keys(), optimizer_keys(), model_keys(), data_keys()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return keys;
}

const RecipeKey* find_recipe_key(std::string_view name) {
  const auto found = std::ranges::find(recipe_keys(), name, &RecipeKey::name);
  return found == recipe_keys().end() ? nullptr : &*found;
}

std::string recipe_keys_text() {
  std::string text;
  for (const RecipeKey& key : recipe_keys()) {
    const std::string range = range_text(key);
    const std::string where =
        key.when.empty() ? "" : fmt::format(" [{} = {}]", key.when, fmt::join(key.is, ", "));
    text += fmt::format("  {:<24} {} ({}{}{}; default {}){}\n", key.name, key.doc,
                        attr_type_name(key.type), range.empty() ? "" : ": ", range,
                        to_string(key.default_value), where);
  }
  return text;
}

}  // namespace gradus
