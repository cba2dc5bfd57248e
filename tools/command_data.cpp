// SPDX-License-Identifier: Apache-2.0
// `gradus data`: what is in the data of a recipe, or in a file or folder.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/detect.h"
#include "engine/base/error.h"
#include "engine/base/utf8.h"
#include "tools/commands.h"
#include "tools/data_report.h"
#include "tools/graph_report.h"
#include "tools/json_line.h"
#include "tools/loader_bench.h"
#include "training/data_factory.h"
#include "training/loader.h"
#include "training/precision.h"
#include "training/split_form.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

struct DataOptions {
  std::string source;  // a recipe, or data
  std::vector<std::string> settings;
  int64_t count = 5;
  bool train = false;
  bool json = false;
};

// A recipe's, or the data itself, as they are: without scaling.
Recipe recipe_of(const DataOptions& options) {
  if (options.source.ends_with(".toml")) return load_recipe(options.source, options.settings);
  const std::string format = detect_format(options.source);
  std::vector<std::string> settings = {"data.format=" + format, "data.path=" + options.source};
  if (format == "csv" || format == "graph") settings.push_back("data.scaling=none");
  if (format == "csv") settings.push_back("data.target_scaling=none");
  settings.insert(settings.end(), options.settings.begin(), options.settings.end());
  return parse_recipe("", options.source, settings);
}

constexpr Split splits[] = {Split::train, Split::validation, Split::test};

std::string printable(const std::string& text) { return is_utf8(text) ? text : "(not UTF-8)"; }

Json counts_json(const Dataset& data) {
  Json counts = Json::object();
  const std::vector<std::string> names = data.class_names();
  const std::vector<int64_t> of_class = class_counts(data);
  for (size_t c = 0; c < of_class.size(); ++c)
    counts[c < names.size() ? printable(names[c]) : std::to_string(c)] = of_class[c];
  return counts;
}

// A part of the data; null where there is none.
Json part_json(const Recipe& recipe, Split split) {
  std::shared_ptr<const Dataset> data;
  try {
    data = load_data(recipe, split);
  } catch (const Error& error) {
    if (split == Split::train) throw;
    return {{"error", printable(error.what())}};
  }
  if (!data) return nullptr;
  const std::vector<int64_t> counts = class_counts(*data);
  const int64_t nodes = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  return {{data->graph() ? "nodes" : "samples", data->graph() ? nodes : data->size()},
          {"classes", counts_json(*data)}};
}

// What the data are beside values: edges, or what fills packed samples up.
Json form_json(const Dataset& data) {
  Json json = Json::object();
  if (const NodeGraph* graph = data.graph()) {
    const GraphStatistics of = graph_statistics(*graph);
    json = {
        {"nodes", of.nodes},
        {"edges", of.edges},
        {"features", data.sample_shape()[1]},
        {"self_loops", of.self_loops},
        {"repeated_edges", of.repeated},
        {"nodes_without_edge", of.alone},
        {"components", of.components},
        {"degree", {{"min", of.least_degree}, {"mean", of.mean_degree}, {"max", of.most_degree}}}};
  }
  if (const std::optional<Padding> padding = padding_of(data))
    json = {{"tokens", padding->tokens},
            {"padding", padding->padding},
            {"padding_share", padding->share()}};
  return json;
}

int run_split(const DataOptions& options) {
  const Recipe recipe = recipe_of(options);
  Json json;
  for (const Split split : splits) json[std::string(split_name(split))] = part_json(recipe, split);
  if (options.json) {
    fmt::print("{}\n", json_line(json));
    return exit_success;
  }
  for (const auto& [name, part] : json.items())
    fmt::print("{:<12} {}\n", name, part.is_null() ? "none" : part.dump());
  return exit_success;
}

Json statistics_json(const ValueStatistics& value) {
  return {{"mean", value.mean},
          {"deviation", value.deviation},
          {"min", value.least},
          {"max", value.most}};
}

int run_inspect(const DataOptions& options) {
  const Recipe recipe = recipe_of(options);
  const auto data = load_data(recipe, Split::train);
  const Shape shape = data->sample_shape();
  ValueStatistics range{.least = INFINITY, .most = -INFINITY};
  for (const ValueStatistics& part : statistics_of(*data)) {
    range.least = std::min(range.least, part.least);
    range.most = std::max(range.most, part.most);
  }
  Json json = {{"format", recipe.text("data.format")},
               {"samples", data->size()},
               {"input", data->input_is_index() ? "tokens" : "numbers"},
               {"shape", std::vector<int64_t>(shape.begin(), shape.end())},
               {"min", range.least},
               {"max", range.most},
               {"target", data->classes() > 0          ? "class"
                          : data->targets_are_labels() ? "labels"
                                                       : "numbers"},
               {"classes", data->classes()},
               {"class_counts", counts_json(*data)}};
  json.update(form_json(*data));
  if (options.json) {
    fmt::print("{}\n", json_line(json));
    return exit_success;
  }
  for (const auto& [name, value] : json.items()) fmt::print("{:<13} {}\n", name, value.dump());
  return exit_success;
}

int run_stats(const DataOptions& options) {
  const auto data = load_data(recipe_of(options), Split::train);
  const std::vector<ValueStatistics> parts = statistics_of(*data);
  Json json = Json::array();
  for (const ValueStatistics& part : parts) json.push_back(statistics_json(part));
  const Json form = form_json(*data);
  if (options.json) {
    // An array of columns, and where there is more to say an object that has it.
    if (!form.empty()) {
      json = {{"columns", json}};
      json.update(form);
    }
    fmt::print("{}\n", json_line(json));
    return exit_success;
  }
  for (const auto& [name, value] : form.items()) fmt::print("{:<18} {}\n", name, value.dump());
  fmt::print("{:>8} {:>14} {:>14} {:>14} {:>14}\n",
             data->sample_shape().rank() == 3 ? "channel" : "column", "mean", "deviation", "min",
             "max");
  for (size_t i = 0; i < parts.size(); ++i)
    fmt::print("{:>8} {:>14.7g} {:>14.7g} {:>14.7g} {:>14.7g}\n", i, parts[i].mean,
               parts[i].deviation, parts[i].least, parts[i].most);
  return exit_success;
}

int preview_nodes(const Dataset& data, const DataOptions& options) {
  Json json = Json::array();
  for (const NodeView& view : node_views(data, options.count)) {
    if (options.json)
      json.push_back({{"node", data.graph()->names[static_cast<size_t>(view.node)]},
                      {"class", view.label < 0 ? Json() : Json(view.label)},
                      {"neighbours", view.neighbours},
                      {"inputs", view.features}});
    else
      fmt::print("{}", node_text(data, view));
  }
  if (options.json) fmt::print("{}\n", json_line(json));
  return exit_success;
}

int run_preview(const DataOptions& options) {
  GRADUS_CHECK(options.count > 0, "data preview: --count, expected a positive number, got {}",
               options.count);
  const auto data = load_data(recipe_of(options), Split::train);
  if (data->graph() != nullptr) return preview_nodes(*data, options);
  Json json = Json::array();
  SampleReader reader(*data, std::min<int64_t>(options.count, 64));
  reader.each(options.count, [&](int64_t sample, std::span<const double> values,
                                 std::span<const double> targets) {
    if (options.json)
      json.push_back({{"sample", sample},
                      {"inputs", std::vector<double>(values.begin(), values.end())},
                      {"targets", std::vector<double>(targets.begin(), targets.end())}});
    else
      fmt::print("{}: {}", sample, sample_text(*data, values, targets));
  });
  if (options.json) fmt::print("{}\n", json_line(json));
  return exit_success;
}

int run_verify(const DataOptions& options) {
  const Recipe recipe = recipe_of(options);
  std::vector<std::string> faults;  // once each: parts may share a file
  const auto add = [&](std::string fault) {
    if (!std::ranges::count(faults, fault)) faults.push_back(std::move(fault));
  };
  int64_t samples = 0;
  std::shared_ptr<const Dataset> training;
  for (const Split split : splits) {
    try {
      const auto data = load_data(recipe, split);
      if (!data) continue;
      if (split == Split::train) training = data;
      if (training) check_split_form(recipe, *training, *data, split);
      samples += data->size();
      for (std::string& fault : faults_of(*data, 10)) add(std::move(fault));
    } catch (const Error& error) {
      // What a part of its own lacks is no fault of the data.
      const bool absent = split == Split::test && (error.kind() == ErrorKind::not_found ||
                                                   error.kind() == ErrorKind::invalid_argument);
      if (!absent) add(error.what());
    }
  }
  if (options.json) {
    Json json = {{"samples", samples}, {"faults", Json::array()}};
    for (const std::string& fault : faults) json["faults"].push_back(printable(fault));
    fmt::print("{}\n", json_line(json));
  } else {
    for (const std::string& fault : faults) fmt::print("{}\n", fault);
    fmt::print("{} samples read, {} faults\n", samples, faults.size());
  }
  return faults.empty() ? exit_success : exit_failure;
}

double batches_a_second(const Recipe& recipe, const std::shared_ptr<const Dataset>& data,
                        int64_t workers) {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t most = 100000;
  const Sampler sampler = make_sampler(recipe, *data);
  Loader loader(data, sampler, training_specs(recipe, *data, sampler, 1),
                precision_of(recipe).parameters, {.parts = 1, .workers = workers, .end = most});
  (void)loader.at(0);
  const auto begin = Clock::now();
  for (int64_t done = 1; done < most; ++done) {
    (void)loader.at(done);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (seconds > 1) return static_cast<double>(done) / seconds;
  }
  return static_cast<double>(most) / std::chrono::duration<double>(Clock::now() - begin).count();
}

int run_training_bench(const Recipe& recipe, bool json) {
  constexpr int64_t windows = 7;
  const LoaderRates rates = measure_loader(recipe, windows, 1.0);
  if (json)
    std::printf("%s\n", Json{{"workers", rates.workers},
                             {"steps_s_loader", rates.loader},
                             {"steps_s_memory", rates.memory},
                             {"ratio", rates.ratio}}
                            .dump()
                            .c_str());
  else
    fmt::print("{:.2f} steps a second with {} worker(s), {:.2f} with batches from memory: {:.3f}\n",
               rates.loader, rates.workers, rates.memory, rates.ratio);
  return exit_success;
}

int run_bench(const DataOptions& options) {
  const Recipe recipe = recipe_of(options);
  if (options.train) return run_training_bench(recipe, options.json);
  const std::shared_ptr<const Dataset> data = load_data(recipe, Split::train);
  Json json = Json::array();
  for (const int64_t workers : {0, 1, 2, 4})
    json.push_back({{"workers", workers},
                    {"batches_a_second", batches_a_second(recipe, data, workers)},
                    {"batch", recipe.integer("batch")}});
  if (options.json) {
    fmt::print("{}\n", json_line(json));
    return exit_success;
  }
  for (const Json& row : json)
    fmt::print("{} workers: {:.1f} batches of {} a second\n", row["workers"].get<int64_t>(),
               row["batches_a_second"].get<double>(), row["batch"].get<int64_t>());
  return exit_success;
}

Command data_subcommand(const char* name, const char* doc, int (*run)(const DataOptions&),
                        void (*extend)(Command&, DataOptions&) = nullptr) {
  const auto options = std::make_shared<DataOptions>();
  Command command = {
      .name = name,
      .doc = doc,
      .options = {{"SOURCE", "A recipe (.toml), or a data file or folder", &options->source, true},
                  {"SETTINGS", "key=value that override the recipe's", &options->settings},
                  {"--json", "Print the result as one JSON value", &options->json}},
      .run = [options, run] { return run(*options); }};
  if (extend) extend(command, *options);
  return command;
}

void add_count(Command& command, DataOptions& options) {
  command.options.push_back({"--count", "How many samples", &options.count});
}
void add_train(Command& command, DataOptions& options) {
  command.options.push_back({"--train",
                             "Steps a second of the recipe's training, against batches from memory",
                             &options.train});
}

}  // namespace

Command data_command() {
  Command command = {
      .name = "data",
      .doc = "Look at, check and measure data before training on them",
      .commands = {
          data_subcommand("inspect", "Format, sizes, classes and range", run_inspect),
          data_subcommand("stats", "Mean, deviation and range of each channel or column",
                          run_stats),
          data_subcommand("preview", "Print the first samples", run_preview, add_count),
          data_subcommand("split", "Size and classes of each part", run_split),
          data_subcommand("verify", "Read everything and name what cannot be read", run_verify),
          data_subcommand("bench", "Batches a second with 0, 1, 2 and 4 workers", run_bench,
                          add_train)}};
  for (Command& text_command : text_commands()) command.commands.push_back(std::move(text_command));
  return command;
}

}  // namespace gradus
