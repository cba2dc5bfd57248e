// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_keys.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "engine/device/device.h"
#include "training/loss_rule.h"
#include "training/quantity.h"
#include "training/recipe_key_makers.h"

namespace gradus {
namespace {

using namespace keys;

const Names initialisers = {"he_normal",      "he_uniform",     "xavier_normal",
                            "xavier_uniform", "fan_in_uniform", "orthogonal",
                            "normal",         "uniform",        "constant"};
const Names activations = {"relu", "leaky_relu", "prelu", "elu",    "gelu",
                           "silu", "mish",       "tanh",  "sigmoid"};

Keys run_keys() {
  return {
      integer("seed", 1, 0, std::numeric_limits<int64_t>::max(),
              "of everything random: first weights, order of samples, dropout"),
      integer("epochs", 1, 1, large, "passes over the training samples"),
      integer("steps", 0, 0, large, "optimizer steps; 0: as many as `epochs` take"),
      free_on_resume(of_form(
          text("time", "", {},
               "ends the run after this time of training, with its validation and a checkpoint, "
               "wherever its schedule stands; empty: no limit"),
          [](std::string_view time) { return parse_duration(time).has_value(); },
          "a time as 90s, 30m, 2h or 1h30m")),
      defaults(with_words(integer("batch", 64, 1, large,
                                  "samples an optimizer step, over all devices; auto: the most "
                                  "that fit into memory, full: all of the training samples"),
                          {{"auto", auto_batch}, {"full", full_batch}}),
               "data.format", {{"graph", int64_t{1}}}),
      integer("accumulate", 1, 1, large,
              "parts, of batch / accumulate samples each, in which a step's gradient is added up"),
      flag("recompute", false,
           "compute the inside of a model's blocks again in the backward pass instead of keeping "
           "it: less memory, more time"),
      text("precision", "f32", {"f32", "f64", "bf16", "f16"},
           "of parameters and arithmetic; bf16 and f16: of products alone, f16 with loss scaling"),
      of_form(text("device", "auto", {}, "where to compute"), is_device_name,
              "auto, cpu, cuda or cuda:N"),
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
                {"adafactor", 0.01},
                {"lion", 1e-4},
                {"lars", 0.1},
                {"lbfgs", 1.0}}),
      real("clip", 0, 0, unbounded, "largest norm of all gradients together; 0: no limit"),
      real("clip_value", 0, 0, unbounded,
           "largest size of any component of a gradient, before `clip`; 0: no limit"),
      integer("validate_every", 0, 0, large, "steps between validations; 0: after each epoch"),
      free_on_resume(
          flag("report", false, "write a report of every validation to RUN/reports/step-N")),
  };
}

Keys checkpoint_keys() {
  return {
      free_on_resume(integer("checkpoint.every", 0, -1, large,
                             "optimizer steps between checkpoints; 0: at the end of epochs, at "
                             "most one in 10 seconds; -1: only at the end and on a signal")),
      free_on_resume(integer("checkpoint.keep", 2, 1, large, "newest checkpoints that stay")),
      free_on_resume(integer("checkpoint.best", 0, 0, 1000,
                             "best validations whose checkpoints are written, and stay too")),
      free_on_resume(text("checkpoint.metric", "loss", {"loss", "accuracy"},
                          "of the validation, that says which are best")),
      free_on_resume(flag("checkpoint.async", false,
                          "write them beside the training, from one more copy of the states")),
  };
}

Keys model_keys() {
  const std::string_view name = "model.name";
  const Names models = {"mlp", "cnn",  "resnet",      "gcn",        "autoencoder", "lstm",
                        "gpt", "gpt2", "gpt2_medium", "gpt2_large", "gpt2_xl"};
  const Names with_dropout = {"mlp",  "cnn",         "gcn",        "lstm",   "gpt",
                              "gpt2", "gpt2_medium", "gpt2_large", "gpt2_xl"};
  return joined({
      {text(name, "mlp", models, "the architecture")},
      only(name, {"mlp", "cnn", "gcn", "autoencoder"},
           {defaults(integers("model.hidden", {512}, 1,
                              "widths of the layers before the last; of autoencoder those before "
                              "the code, and backwards behind it"),
                     name,
                     {{"gcn", KeyValue::Integers{16}}, {"autoencoder", KeyValue::Integers{128}}}),
            text("model.activation", "relu", activations, "between layers"),
            defaults(text("model.init", "he_normal", initialisers,
                          "first values of weights; of mlp the last layer has fan_in_uniform, with "
                          "normal, uniform and constant the same as the others"),
                     name, {{"gcn", "xavier_uniform"}}),
            defaults(real("model.init_scale", 1, -unbounded, unbounded,
                          "their gain; the deviation of normal, the bound of uniform, the value of "
                          "constant"),
                     "model.init", {{"normal", 0.01}, {"uniform", 0.01}, {"constant", 0.0}})}),
      only(name, {"mlp"},
           {text("model.dropout_form", "inverted", {"inverted", "classic"},
                 "inverted: what is left is scaled in training; classic: everything outside of it"),
            text("model.norm", "none", {"none", "batch", "layer"}, "before each activation"),
            real("model.bias", 0, -unbounded, unbounded,
                 "first value of biases, the last layer's 0")}),
      only(name, {"autoencoder"},
           {integer("model.code", 16, 1, 1 << 20, "numbers that a sample is narrowed to")}),
      only(name, {"cnn"},
           {integers("model.channels", {32, 64}, 1, "of each block of convolution and pooling")}),
      only(name, {"resnet"},
           {integer("model.depth", 20, 8, 1202, "20 (6 n + 2) for 32x32 images; 18, 34, 50"),
            flag("model.small_stem", true, "depths 18, 34, 50 start with a 3x3 convolution")}),
      only(name, {"gpt", "lstm"},
           {integer("model.layers", 4, 1, 1024, "layers"),
            integer("model.width", 256, 1, 1 << 20, "of the embedding")}),
      only(name, {"gpt"},
           {integer("model.heads", 4, 1, 1024, "attention heads"),
            text("model.positions", "learned", {"learned", "sinusoidal", "none"},
                 "what tells positions apart beside the order in which tokens see each other")}),
      only(name, {"lstm"}, {integer("model.cells", 256, 1, 1 << 20, "of each LSTM layer")}),
      only(name, with_dropout,
           {real("model.dropout", 0, 0, below_one, "share of activations dropped in training")}),
  });
}

RecipeKey reals(std::string_view name, KeyValue::Reals value, double least, double most,
                std::string_view doc) {
  return {name, AttrType::reals, std::move(value), doc, least, most};
}

const std::string_view data_format = "data.format";

Keys table_keys() {
  return joined({
      only(data_format, {"csv", "series", "graph"},
           {text("data.target", "", {}, "columns to predict, with commas between; empty: the last"),
            text("data.delimiter", "auto", {"auto", "comma", "semicolon", "tab", "space", "bar"},
                 "between cells; auto: a tab in .tsv files, else a comma"),
            flag("data.header", true, "the first line names the columns; else they are 1, 2, ..."),
            text("data.drop", "", {}, "columns to leave out"),
            text("data.scaling", "standard", {"none", "standard", "minmax", "robust"},
                 "of input numbers, by the training rows, of a graph by all nodes")}),
      only(data_format, {"csv", "series"},
           {text("data.target_scaling", "standard", {"none", "standard", "minmax", "robust"},
                 "of numbers to predict; metrics stay in the data's units")}),
      only(data_format, {"graph"},
           {text("data.part", "", {},
                 "the nodes' column that says train, val, test or nothing; empty: data.validation "
                 "and data.test are shares")}),
      only(data_format, {"csv", "graph"},
           {text("data.numeric", "", {}, "columns that must hold numbers"),
            text("data.categorical", "", {}, "columns whose numbers are names"),
            text("data.categories", "one_hot", {"one_hot", "index"}, "how names become numbers"),
            text("data.missing", "error", {"error", "mean", "median", "zero", "drop"},
                 "what stands for a missing number; drop: its row is left out"),
            real("data.low", 0, -unbounded, unbounded, "least value under minmax"),
            real("data.high", 1, -unbounded, unbounded, "largest value under minmax")}),
      only(data_format, {"series"},
           {integer("data.history", 24, 1, 1 << 30, "rows that the model sees before it predicts"),
            integer("data.horizon", 1, 1, 1 << 30, "rows after them that it predicts, all at once"),
            flag("data.relative", false,
                 "values become their difference to the last one seen: for series with a trend")}),
  });
}

Keys split_keys() {
  return joined({
      only(data_format, {"csv", "images", "npy", "npz", "series", "graph"},
           {real("data.validation", 0, 0, below_one,
                 "share of samples kept for validation; of a series, late ones"),
            real("data.test", 0, 0, below_one,
                 "share of samples kept for the test; of a series, the latest")}),
      only(data_format, {"csv", "images", "npy", "npz", "graph"},
           {integer("data.folds", 0, 0, large, "parts of a cross-validation; 0: none"),
            integer("data.fold", 0, 0, large, "the part that validates this time, from 0"),
            flag("data.stratify", false, "every class has its share in every part")}),
  });
}

Keys image_keys() {
  return joined({
      only(data_format, {"idx", "cifar"},
           {integer("data.classes", 10, 2, large, "number of classes; of CIFAR 10, 20 or 100"),
            integer("data.validation_samples", 0, 0, large,
                    "training samples kept for validation")}),
      only(data_format, {"images"},
           {integer("data.channels", 3, 1, 3, "3: colours, 1: grey"),
            integer("data.height", 224, 1, 1 << 13, "rows that images are cut and scaled to"),
            integer("data.width", 224, 1, 1 << 13, "columns that images are cut and scaled to")}),
      only(data_format, {"idx", "cifar", "images", "npy", "npz"},
           {reals("data.mean", {0}, -unbounded, unbounded,
                  "of values (pixels in [0, 1]), one or per channel; subtracted"),
            reals("data.deviation", {1}, above_zero, unbounded,
                  "of values, one or per channel; divided by"),
            real("data.augment.rotation", 0, 0, 180, "degrees, at most, both ways"),
            real("data.augment.zoom", 0, 0, 0.9, "change of size, at most, both ways"),
            flag("data.augment.flip", false, "left and right, half of the time"),
            flag("data.augment.flip_vertical", false, "top and bottom, half of the time"),
            integer("data.augment.shift", 0, 0, 1 << 13,
                    "pixels, at most, each way: a random crop after padding"),
            real("data.augment.brightness", 0, 0, 1, "added to values, at most, both ways"),
            real("data.augment.contrast", 0, 0, 1, "change of contrast, at most, both ways"),
            real("data.augment.saturation", 0, 0, 1, "change of colourfulness, at most, both ways"),
            real("data.augment.noise", 0, 0, 10, "deviation of normal noise"),
            real("data.augment.erase", 0, 0, 1, "probability that a rectangle becomes 0")}),
  });
}

Keys token_keys() {
  return joined({
      only(data_format, {"text", "jsonl", "tokens"},
           {integer("data.length", 128, 1, 1 << 20, "tokens a sample"),
            text("data.tokenizer", "auto", {},
                 "a tokenizer.json, bytes, or bpe:N or wordpiece:N, N tokens learned from the "
                 "training texts; auto: the tokenizer.json in data.path, else bytes"),
            text("data.packing", "stream", {"stream", "pack", "pad", "bucket"},
                 "stream: samples go across documents; pack: several in one, each by itself; pad: "
                 "one in each; bucket: so, and batches of documents of like length"),
            text("data.document_end", "", {},
                 "the token behind each document; empty: a line break behind jsonl's")}),
      only("data.packing", {"bucket"},
           {integers("data.buckets", {}, 1,
                     "lengths of batches below data.length; empty: by quarters of the documents")}),
      only(data_format, {"jsonl"},
           {text("data.field", "text", {}, "member of each line's object that holds the text")}),
      only(data_format, {"tokens"},
           {integer("data.vocabulary", 0, 0, large,
                    "tokens are below it; 0: the tokenizer's, without one GPT-2's 50257")}),
  });
}

Keys data_keys() {
  return joined({
      {text(data_format, "idx",
            {"idx", "cifar", "images", "npy", "npz", "csv", "series", "graph", "text", "jsonl",
             "tokens"},
            "idx: the MNIST family; images: a folder per class; csv: a table; series: a table "
            "whose rows follow in time; graph: lists of edges and nodes; npy, npz: arrays x and y; "
            "text, jsonl: texts; tokens: llm.c's shards"),
       text("data.path", "data/cache/fashion_mnist", {},
            "the folder or file; scripts/data.sh makes data/cache/NAME"),
       free_on_resume(
           integer("data.workers", 0, 0, 256, "threads that fill batches ahead; 0: none")),
       text("data.sampling", "uniform", {"uniform", "oversample", "undersample"},
            "whether an epoch takes samples of rare classes again, or of common ones fewer"),
       real("data.ratio", 1, 1, unbounded,
            "under undersample: size of a class by that of the smallest, at most"),
       flag("data.drop_last", true,
            "leave out the samples of an epoch that do not fill a batch; false: they are its last"),
       of_form(text("data.class_weights", "none", {},
                    "what a sample of each class counts in the training loss; balanced: samples / "
                    "(classes * samples of the class)"),
               are_class_weights,
               "none, balanced (or auto), or a number for each class as 1,2.5, not all 0")},
      only(data_format,
           {"idx", "cifar", "images", "npy", "npz", "csv", "series", "text", "jsonl", "tokens"},
           {integer("data.samples", 0, 0, large,
                    "training samples that are used, the first ones in an order that `seed` deals; "
                    "0: all")}),
      image_keys(),
      only(data_format, {"csv", "npy", "npz", "idx", "cifar", "images"},
           {text("data.task", "auto",
                 {"auto", "classification", "binary", "multilabel", "regression", "reconstruction"},
                 "what to learn of targets; binary: one of two classes by one logit; multilabel: "
                 "several of 0 or 1; reconstruction: nothing, but the inputs themselves; auto: in "
                 "tables classes where the target is text or at most 20 "
                 "different whole numbers, in arrays where it is integers")}),
      table_keys(),
      only(data_format, {"idx", "cifar", "npy", "npz"},
           {texts("data.class_names",
                  "what the classes are called, in their order; empty: numbers")}),
      only(data_format, {"npy", "npz"},
           {text("data.inputs", "x", {}, "name of the array of inputs"),
            text("data.targets", "y", {}, "name of the array of targets")}),
      split_keys(),
      token_keys(),
  });
}

std::string range_text(const RecipeKey& key) {
  if (!key.choices.empty()) return fmt::format("{}", fmt::join(key.choices, ", "));
  if (key.accepts) return std::string(key.form);
  std::string words;
  for (const auto& [word, value] : key.words) words = fmt::format("{}, {}", word, words);
  return number_range(key, words);
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

std::string number_range(const RecipeKey& key, std::string_view words) {
  const bool low = std::isfinite(key.least), high = std::isfinite(key.most);
  if (!low && !high) return "";
  if (key.least == above_zero) return "above 0";
  const std::string from = fmt::format("{}{}", words, low ? fmt::format("{:g}", key.least) : "");
  return high ? fmt::format("{} to {}", from,
                            key.most == below_one ? "below 1" : fmt::format("{}", key.most))
              : fmt::format("at least {}", from);
}

const std::vector<RecipeKey>& recipe_keys() {
  static const std::vector<RecipeKey> keys =
      joined({run_keys(), checkpoint_keys(), schedule_keys(), optimizer_keys(), loss_keys(),
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
