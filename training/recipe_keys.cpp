// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_keys.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "training/recipe_key_makers.h"

namespace gradus {
namespace {

using namespace keys;

const Names initialisers = {"he_normal",      "he_uniform",     "xavier_normal",
                            "xavier_uniform", "fan_in_uniform", "orthogonal"};
const Names activations = {"relu", "leaky_relu", "elu", "gelu", "silu", "mish", "tanh", "sigmoid"};

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
      defaults(real("lr", 0.001, 0, unbounded, "learning rate, at its highest under a schedule"),
               "optimizer.name",
               {{"sgd", 0.1},
                {"momentum", 0.1},
                {"nesterov", 0.1},
                {"adagrad", 0.01},
                {"adadelta", 1.0},
                {"rmsprop", 0.01},
                {"adamax", 0.002},
                {"nadam", 0.002},
                {"lion", 1e-4},
                {"lars", 0.1}}),
      real("clip", 0, 0, unbounded, "largest norm of all gradients together; 0: no limit"),
      real("clip_value", 0, 0, unbounded,
           "largest size of any component of a gradient, before `clip`; 0: no limit"),
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

// The names of tables that recipes choose.
bool is_free_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
}

bool fits(std::string_view name, std::string_view pattern) {
  const size_t star = pattern.find('*');
  const std::string_view head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  return name.size() > head.size() + tail.size() && name.starts_with(head) &&
         name.ends_with(tail) &&
         is_free_name(name.substr(head.size(), name.size() - head.size() - tail.size()));
}

const RecipeKey& named_by_recipe(const RecipeKey& pattern, std::string_view name) {
  static std::mutex mutex;
  static auto* keys = new std::map<std::string, RecipeKey, std::less<>>;
  const std::lock_guard lock(mutex);
  const auto [entry, is_new] = keys->try_emplace(std::string(name), pattern);
  if (is_new) entry->second.name = entry->first;
  return entry->second;
}

}  // namespace

const std::vector<RecipeKey>& recipe_keys() {
  static const std::vector<RecipeKey> keys =
      joined({run_keys(), checkpoint_keys(), schedule_keys(), optimizer_keys(),
              regularisation_keys(), model_keys(), data_keys()});
  return keys;
}

const RecipeKey* find_recipe_key(std::string_view name) {
  for (const RecipeKey& key : recipe_keys()) {
    if (key.is_pattern() ? fits(name, key.name) : name == key.name)
      return key.is_pattern() ? &named_by_recipe(key, name) : &key;
  }
  return nullptr;
}

std::string recipe_keys_text() {
  std::string text;
  for (const RecipeKey& key : recipe_keys()) {
    const std::string range = range_text(key);
    const std::string where =
        key.when.empty() ? "" : fmt::format(" [{} = {}]", key.when, fmt::join(key.is, ", "));
    std::string otherwise;
    for (const auto& [choice, value] : key.defaults)
      otherwise += fmt::format(", {} with {}", to_string(value), choice);
    text += fmt::format("  {:<24} {} ({}{}{}; default {}{}){}\n", key.name, key.doc,
                        key.list ? "list of texts" : attr_type_name(key.type),
                        range.empty() ? "" : ": ", range, to_string(key.default_value), otherwise,
                        where);
  }
  return text;
}

}  // namespace gradus
