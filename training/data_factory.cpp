// SPDX-License-Identifier: Apache-2.0
#include "training/data_factory.h"

#include "data/arrays.h"
#include "data/graph_source.h"
#include "data/image_tree.h"
#include "data/series.h"
#include "data/tabular.h"
#include "engine/base/error.h"
#include "training/model_factory.h"
#include "training/recipe_text.h"
#include "training/split_form.h"
#include "training/text_source.h"

namespace gradus {
namespace {

char delimiter_named(const std::string& name) {
  if (name == "comma") return ',';
  if (name == "semicolon") return ';';
  if (name == "tab") return '\t';
  if (name == "space") return ' ';
  return name == "bar" ? '|' : '\0';
}

SplitPlan split_plan(const Recipe& recipe) {
  return {.validation = recipe.real("data.validation"),
          .test = recipe.real("data.test"),
          .folds = recipe.integer("data.folds"),
          .fold = recipe.integer("data.fold"),
          .stratify = recipe.boolean("data.stratify"),
          .seed = static_cast<uint64_t>(recipe.integer("seed"))};
}

TableSchema table_schema(const Recipe& recipe) {
  return {.numbers = split_texts(recipe.text("data.numeric")),
          .categories = split_texts(recipe.text("data.categorical")),
          .dropped = split_texts(recipe.text("data.drop"))};
}

TableCoding table_coding(const Recipe& recipe) {
  return {.scaling = *parse_scaling(recipe.text("data.scaling")),
          .low = recipe.real("data.low"),
          .high = recipe.real("data.high"),
          .missing = *parse_missing_policy(recipe.text("data.missing")),
          .one_hot = recipe.text("data.categories") == "one_hot"};
}

TabularSource table_source(const Recipe& recipe) {
  return {.path = recipe.text("data.path"),
          .delimiter = delimiter_named(recipe.text("data.delimiter")),
          .header = recipe.boolean("data.header"),
          .targets = split_texts(recipe.text("data.target")),
          .schema = table_schema(recipe),
          .task = *parse_task(recipe.text("data.task")),
          .coding = table_coding(recipe),
          .target_scaling = *parse_scaling(recipe.text("data.target_scaling")),
          .split = split_plan(recipe)};
}

GraphSource graph_source(const Recipe& recipe) {
  return {.path = recipe.text("data.path"),
          .delimiter = delimiter_named(recipe.text("data.delimiter")),
          .header = recipe.boolean("data.header"),
          .target = recipe.text("data.target"),
          .part = recipe.text("data.part"),
          .schema = table_schema(recipe),
          .coding = table_coding(recipe),
          .split = split_plan(recipe)};
}

SeriesSource series_source(const Recipe& recipe) {
  return {.path = recipe.text("data.path"),
          .delimiter = delimiter_named(recipe.text("data.delimiter")),
          .header = recipe.boolean("data.header"),
          .targets = split_texts(recipe.text("data.target")),
          .dropped = split_texts(recipe.text("data.drop")),
          .history = recipe.integer("data.history"),
          .horizon = recipe.integer("data.horizon"),
          .relative = recipe.boolean("data.relative"),
          .scaling = *parse_scaling(recipe.text("data.scaling")),
          .target_scaling = *parse_scaling(recipe.text("data.target_scaling")),
          .validation = recipe.real("data.validation"),
          .test = recipe.real("data.test")};
}

Augmentation augmentation(const Recipe& recipe) {
  return {.rotation = recipe.real("data.augment.rotation"),
          .zoom = recipe.real("data.augment.zoom"),
          .flip = recipe.boolean("data.augment.flip"),
          .flip_vertical = recipe.boolean("data.augment.flip_vertical"),
          .shift = recipe.integer("data.augment.shift"),
          .brightness = recipe.real("data.augment.brightness"),
          .contrast = recipe.real("data.augment.contrast"),
          .saturation = recipe.real("data.augment.saturation"),
          .noise = recipe.real("data.augment.noise"),
          .erase = recipe.real("data.augment.erase")};
}

// Those of its members that all kinds of images have.
ImageFolder image_source(const Recipe& recipe) {
  return {.path = recipe.text("data.path"),
          .mean = recipe.reals("data.mean"),
          .deviation = recipe.reals("data.deviation"),
          .seed = static_cast<uint64_t>(recipe.integer("seed")),
          .augmentation = augmentation(recipe),
          .class_names = recipe.has("data.class_names") ? recipe.texts("data.class_names")
                                                        : std::vector<std::string>{}};
}

std::unique_ptr<Dataset> load_image_files(const Recipe& recipe, Split split) {
  ImageFolder folder = image_source(recipe);
  folder.classes = recipe.integer("data.classes");
  folder.validation_samples = recipe.integer("data.validation_samples");
  return recipe.text("data.format") == "cifar" ? load_cifar(folder, split)
                                               : load_images(folder, split);
}

std::unique_ptr<Dataset> load_tree(const Recipe& recipe, Split split) {
  return load_image_tree({.images = image_source(recipe),
                          .channels = recipe.integer("data.channels"),
                          .height = recipe.integer("data.height"),
                          .width = recipe.integer("data.width"),
                          .split = split_plan(recipe)},
                         split);
}

std::unique_ptr<Dataset> load_array_files(const Recipe& recipe, Split split) {
  return load_arrays({.images = image_source(recipe),
                      .archive = recipe.text("data.format") == "npz",
                      .inputs = recipe.text("data.inputs"),
                      .targets = recipe.text("data.targets"),
                      .task = *parse_task(recipe.text("data.task")),
                      .split = split_plan(recipe)},
                     split);
}

std::unique_ptr<Dataset> load_language(const Recipe& recipe, Split split) {
  const std::string& format = recipe.text("data.format");
  const TextFolder folder{.path = recipe.text("data.path"),
                          .length = recipe.integer("data.length"),
                          .tokenizer = load_tokenizer(recipe),
                          .packing = *parse_packing(recipe.text("data.packing")),
                          .document_end = recipe.text("data.document_end"),
                          .buckets = recipe.has("data.buckets") ? recipe.integers("data.buckets")
                                                                : std::vector<int64_t>{}};
  GRADUS_CHECK(
      folder.packing == Packing::stream || format == "jsonl" || !folder.document_end.empty(),
      "[data.packing] expected data.document_end, which tells documents apart");
  if (format == "jsonl") return load_jsonl(folder, recipe.text("data.field"), split);
  if (format == "tokens")
    return load_tokens(folder, vocabulary_of(recipe, folder.tokenizer.get()), split);
  return load_text(folder, split);
}

Task task_of(const Recipe& recipe) {
  return recipe.has("data.task") ? *parse_task(recipe.text("data.task")) : Task::automatic;
}

std::shared_ptr<const Dataset> load_split(const Recipe& recipe, Split split,
                                          const std::optional<LearntCoding>& learnt) {
  const std::string& format = recipe.text("data.format");
  const auto taught = [&](auto source) {
    source.learnt = learnt;
    return source;
  };
  if (format == "csv") return load_table(taught(table_source(recipe)), split);
  if (format == "series") return load_series(taught(series_source(recipe)), split);
  if (format == "graph") return load_graph(taught(graph_source(recipe)), split);
  if (format == "images") return load_tree(recipe, split);
  if (format == "npy" || format == "npz") return load_array_files(recipe, split);
  if (format == "idx" || format == "cifar") return load_image_files(recipe, split);
  return load_language(recipe, split);
}

// No sampler has this epoch.
constexpr uint64_t choice_of_samples = ~uint64_t{0};

// More samples of the same seed hold fewer ones.
std::shared_ptr<const Dataset> first_samples(std::shared_ptr<const Dataset> data,
                                             const Recipe& recipe) {
  const int64_t wanted = recipe.has("data.samples") ? recipe.integer("data.samples") : 0;
  if (wanted == 0 || data == nullptr || wanted == data->size()) return data;
  GRADUS_CHECK(wanted < data->size(),
               "[data.samples] expected at most the {} training samples, got {}", data->size(),
               wanted);
  GRADUS_CHECK(data->lengths().empty(),
               "[data.samples] does not go with data.packing = 'bucket', expected 0");
  std::vector<int64_t> order = shuffled_order(
      data->size(), static_cast<uint64_t>(recipe.integer("seed")), choice_of_samples);
  order.resize(static_cast<size_t>(wanted));
  return make_subset(std::move(data), std::move(order));
}

}  // namespace

std::shared_ptr<const Dataset> load_data(const Recipe& recipe, Split split,
                                         const std::optional<LearntCoding>& learnt) {
  const std::string& format = recipe.text("data.format");
  const Task task = task_of(recipe);
  const bool labelled = format == "idx" || format == "cifar" || format == "images";
  GRADUS_CHECK(!labelled || (task != Task::multilabel && task != Task::regression),
               "[data.task] data of format '{}' have one class each, expected classification, "
               "binary or reconstruction",
               format);
  std::shared_ptr<const Dataset> data = load_split(recipe, split, learnt);
  if (split == Split::train) data = first_samples(std::move(data), recipe);
  return data && task == Task::reconstruction ? make_self_dataset(data) : data;
}

TrainingData load_training_data(const Recipe& recipe) {
  TrainingData data = {load_data(recipe, Split::train), load_data(recipe, Split::validation)};
  if (data.validation) check_split_form(recipe, *data.train, *data.validation, Split::validation);
  return data;
}

Sampler make_sampler(const Recipe& recipe, const Dataset& data) {
  const int64_t batch = recipe.integer("batch");
  const auto seed = static_cast<uint64_t>(recipe.integer("seed"));
  const bool drop_last = recipe.boolean("data.drop_last");
  const Sampling sampling = *parse_sampling(recipe.text("data.sampling"));
  if (sampling == Sampling::uniform)
    return data.lengths().empty() ? Sampler(data.size(), batch, seed, drop_last)
                                  : Sampler(data.buckets(), batch, seed, drop_last);
  GRADUS_CHECK(!data.labels().empty(), "[data.sampling] expected data with one class per sample");
  return {data.labels(), sampling, recipe.real("data.ratio"), batch, seed, drop_last};
}

std::vector<BatchSpec> training_specs(const Recipe& recipe, const Dataset& data,
                                      const Sampler& sampler, int64_t parts) {
  std::vector<BatchSpec> specs;
  for (const Sampler::Form& form : sampler.forms()) {
    const bool whole = form.samples == recipe.integer("batch");
    GRADUS_CHECK(
        form.samples % parts == 0, "[accumulate] expected a divisor of {}{}, got {}",
        whole ? "the batch " : "an epoch's last batch, which data.drop_last=true leaves out: ",
        form.samples, parts);
    BatchSpec& spec = specs.emplace_back(training_spec(recipe, data, form.samples / parts));
    if (data.lengths().empty()) continue;
    const int64_t length = data.lengths()[static_cast<size_t>(form.bucket)];
    spec.sample[spec.sample.rank() - 1] = length;
    spec.target = Shape{length};
  }
  return specs;
}

BatchSpec training_spec(const Recipe& recipe, const Dataset& data, int64_t batch) {
  BatchSpec spec = batch_spec(data, batch);
  spec.loss = make_loss(recipe);
  spec.binary = is_binary(recipe);
  spec.class_weights =
      class_weights(recipe.text("data.class_weights"), data.labels(), data.classes());
  return spec;
}

}  // namespace gradus
