// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_keys.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace gradus {
namespace {

using Names = std::vector<std::string_view>;
using Keys = std::vector<RecipeKey>;

constexpr double unbounded = std::numeric_limits<double>::infinity();
constexpr double above_zero = std::numeric_limits<double>::denorm_min();
constexpr double below_one = 1 - std::numeric_limits<double>::epsilon() / 2;
constexpr int64_t large = 1 << 30;

const Names initialisers = {"he_normal",      "he_uniform",     "xavier_normal",
                            "xavier_uniform", "fan_in_uniform", "orthogonal"};
const Names activations = {"relu", "leaky_relu", "elu", "gelu", "silu", "mish", "tanh", "sigmoid"};

RecipeKey integer(std::string_view name, int64_t value, int64_t least, int64_t most,
                  std::string_view doc) {
  return {name, AttrType::integer,          value,
          doc,  static_cast<double>(least), static_cast<double>(most)};
}

RecipeKey integers(std::string_view name, KeyValue::Integers value, int64_t least,
                   std::string_view doc) {
  return {name, AttrType::integers, std::move(value), doc, static_cast<double>(least), large};
}

RecipeKey real(std::string_view name, double value, double least, double most,
               std::string_view doc) {
  return {name, AttrType::real, value, doc, least, most};
}

RecipeKey flag(std::string_view name, bool value, std::string_view doc) {
  return {name, AttrType::boolean, value, doc};
}

// `choices` empty: any text.
RecipeKey text(std::string_view name, std::string_view value, Names choices, std::string_view doc) {
  RecipeKey key{name, AttrType::text, value, doc};
  key.choices = std::move(choices);
  return key;
}

// The keys, legal only where the key `when` is one of `is`.
Keys only(std::string_view when, const Names& is, Keys keys) {
  for (RecipeKey& key : keys) {
    key.when = when;
    key.is = is;
  }
  return keys;
}

Keys joined(std::initializer_list<Keys> parts) {
  Keys all;
  for (const Keys& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

RecipeKey free_on_resume(RecipeKey key) {
  key.free_on_resume = true;
  return key;
}

Keys run_keys() {
  return {
      integer("seed", 1, 0, std::numeric_limits<int64_t>::max(),
              "of everything random: first weights, order of samples, dropout"),
      integer("epochs", 1, 1, large, "passes over the training samples"),
      integer("steps", 0, 0, large, "optimizer steps; 0: as many as `epochs` take"),
      integer("batch", 64, 1, large, "samples an optimizer step, over all devices"),
      integer("accumulate", 1, 1, large,
              "parts, of batch / accumulate samples each, in which a step's gradient is added up"),
      text("precision", "f32", {"f32", "f64"}, "of parameters and arithmetic"),
      text("device", "auto", {}, "auto, cpu, cuda or cuda:N"),
      free_on_resume(integer("threads", 0, 0, 1024,
                             "0: OMP_NUM_THREADS, else the processors of this process")),
      real("lr", 0.001, 0, unbounded, "learning rate, at its highest under a schedule"),
      real("clip", 0, 0, unbounded, "largest norm of all gradients together; 0: no limit"),
      integer("validate_every", 0, 0, large, "steps between validations; 0: after each epoch"),
  };
}

Keys checkpoint_keys() {
  return {
      free_on_resume(integer("checkpoint.every", 0, -1, large,
                             "optimizer steps between checkpoints; 0: at the end of epochs, at "
                             "most one in 10 seconds; -1: only at the end and on a signal")),
      free_on_resume(integer("checkpoint.keep", 2, 1, large, "newest checkpoints that stay")),
      free_on_resume(flag("checkpoint.async", false,
                          "write them beside the training, from one more copy of the states")),
  };
}

Keys schedule_keys() {
  const std::string_view name = "schedule.name";
  return joined({
      {text(name, "constant", {"constant", "cosine"}, "how lr moves over the run"),
       integer("schedule.warmup", 0, 0, large, "steps over which lr rises from 0")},
      only(name, {"cosine"}, {real("schedule.final", 0, 0, 1, "lr at the end as a share of `lr`")}),
  });
}

Keys optimizer_keys() {
  const std::string_view name = "optimizer.name";
  const Names rules = {"sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"};
  return joined({
      {text(name, "adamw", rules, "the update rule")},
      only(name, {"momentum", "nesterov"},
           {real("optimizer.momentum", 0.9, 0, below_one, "share of the last update kept")}),
      only(name, {"adam", "adamw"},
           {real("optimizer.beta1", 0.9, 0, below_one, "decay of the mean gradient"),
            real("optimizer.beta2", 0.999, 0, below_one, "decay of the mean squared gradient")}),
      only(name, {"rmsprop"},
           {real("optimizer.alpha", 0.99, 0, below_one, "decay of the mean squared gradient")}),
      only(name, {"adagrad", "rmsprop", "adam", "adamw"},
           {real("optimizer.eps", 1e-8, 0, unbounded, "added to the root of the mean square")}),
      {real("optimizer.weight_decay", 0, 0, unbounded,
            "pull of weights of rank 2 and more to zero; with adamw apart from the gradient")},
  });
}

Keys model_keys() {
  const std::string_view name = "model.name";
  const Names models = {"mlp",  "cnn",         "resnet",     "lstm",   "gpt",
                        "gpt2", "gpt2_medium", "gpt2_large", "gpt2_xl"};
  const Names with_dropout = {"mlp",  "cnn",         "lstm",       "gpt",
                              "gpt2", "gpt2_medium", "gpt2_large", "gpt2_xl"};
  return joined({
      {text(name, "mlp", models, "the architecture")},
      only(name, {"mlp", "cnn"},
           {integers("model.hidden", {512}, 1, "widths of the linear layers before the last"),
            text("model.activation", "relu", activations, "between layers"),
            text("model.init", "he_normal", initialisers, "first values of weights")}),
      only(name, {"cnn"},
           {integers("model.channels", {32, 64}, 1, "of each block of convolution and pooling")}),
      only(name, {"resnet"},
           {integer("model.depth", 20, 8, 1202, "20 (6 n + 2) for 32x32 images; 18, 34, 50"),
            flag("model.small_stem", true, "depths 18, 34, 50 start with a 3x3 convolution")}),
      only(name, {"gpt", "lstm"},
           {integer("model.layers", 4, 1, 1024, "layers"),
            integer("model.width", 256, 1, 1 << 20, "of the embedding")}),
      only(name, {"gpt"}, {integer("model.heads", 4, 1, 1024, "attention heads")}),
      only(name, {"lstm"}, {integer("model.cells", 256, 1, 1 << 20, "of each LSTM layer")}),
      only(name, with_dropout,
           {real("model.dropout", 0, 0, below_one, "share of activations dropped in training")}),
  });
}

Keys data_keys() {
  const std::string_view format = "data.format";
  return joined({
      {text(format, "idx", {"idx", "text"},
            "idx: images of the MNIST family; text: train.txt and val.txt"),
       text("data.path", "data/cache/fashion_mnist", {},
            "the folder; scripts/data.sh makes data/cache/NAME")},
      only(format, {"idx"},
           {integer("data.classes", 10, 2, large, "number of classes"),
            real("data.mean", 0, -unbounded, unbounded, "of all pixels in [0, 1]; subtracted"),
            real("data.deviation", 1, above_zero, unbounded, "of all pixels; divided by"),
            integer("data.validation_samples", 0, 0, large,
                    "training samples kept for validation")}),
      only(format, {"text"}, {integer("data.length", 128, 1, 1 << 20, "tokens (bytes) a sample")}),
  });
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
  static const std::vector<RecipeKey> keys = joined({run_keys(), checkpoint_keys(), schedule_keys(),
                                                     optimizer_keys(), model_keys(), data_keys()});
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
