// SPDX-License-Identifier: Apache-2.0
// `gradus model show`: the layers of a recipe's model, their shapes, parameters and work, or what
// their first weights make of signals and gradients.
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "tools/commands.h"
#include "tools/model_signals.h"
#include "tools/model_table.h"
#include "tools/run_table.h"
#include "tools/with_recipe.h"
#include "training/data_factory.h"
#include "training/model_factory.h"
#include "training/precision.h"
#include "training/program.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

struct ModelOptions {
  std::string source;
  std::vector<std::string> settings;
  int64_t depth = 0;
  bool init = false, json = false;
};

std::string recipe_path(const std::string& source) {
  std::error_code ignored;
  return std::filesystem::is_directory(source, ignored) ? run_path(source, run_file::recipe)
                                                        : source;
}

// "12.3 K", "4.56 M", "7 G": three digits.
std::string short_number(double value) {
  const char* units[] = {"", " K", " M", " G", " T", " P"};
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(units)) value /= 1000, ++unit;
  return fmt::format("{:.3g}{}", value, units[unit]);
}

struct Totals {
  int64_t parameters = 0, buffers = 0;
  double flops = 0;
};

Totals totals_of(const std::vector<LayerRow>& layers) {
  Totals all;
  for (const LayerRow& layer : layers) {
    all.parameters += layer.parameters;
    all.buffers += layer.buffers;
    all.flops += layer.flops;
  }
  return all;
}

void print_json(const std::vector<LayerRow>& layers) {
  const Totals all = totals_of(layers);
  Json json = {{"parameters", all.parameters}, {"buffers", all.buffers}, {"flops", all.flops}};
  json["layers"] = Json::array();
  for (const LayerRow& layer : layers)
    json["layers"].push_back(
        {{"layer", layer.layer},
         {"ops", layer.ops},
         {"output", std::vector<int64_t>(layer.output.begin(), layer.output.end())},
         {"parameters", layer.parameters},
         {"buffers", layer.buffers},
         {"flops", layer.flops}});
  fmt::print("{}\n", json.dump());
}

void print_table(const std::vector<LayerRow>& layers, DType dtype) {
  std::vector<std::vector<std::string>> rows = {{"layer", "ops", "output", "parameters", "FLOPs"}};
  for (const LayerRow& layer : layers)
    rows.push_back({layer.layer.empty() ? "-" : layer.layer,
                    fmt::format("{}", fmt::join(layer.ops, ", ")),
                    layer.ops.empty() ? "" : to_string(layer.output),
                    layer.parameters > 0 ? fmt::to_string(layer.parameters) : "",
                    layer.flops > 0 ? short_number(layer.flops) : ""});
  const Totals all = totals_of(layers);
  fmt::print("{}{} parameters ({:.2f} MiB in {}), {} FLOPs forward for one sample\n",
             to_columns(rows), all.parameters,
             static_cast<double>(dtype_bytes(dtype, all.parameters)) / (1 << 20), dtype_name(dtype),
             short_number(all.flops));
}

int show_init(const ModelOptions& options, const Recipe& recipe,
              const std::shared_ptr<const Dataset>& data) {
  GRADUS_CHECK(options.depth == 0, "model show: --init takes no --depth");
  const std::vector<LayerSignal> signals = first_signals(recipe, data);
  std::vector<std::vector<std::string>> rows = {{"layer", "variance", "gradient's variance"}};
  Json json = {{"layers", Json::array()}};
  for (const LayerSignal& signal : signals) {
    rows.push_back({signal.layer, fmt::format("{:.3g}", signal.output),
                    fmt::format("{:.3g}", signal.gradient)});
    json["layers"].push_back({{"layer", signal.layer},
                              {"variance", signal.output},
                              {"gradient_variance", signal.gradient}});
  }
  if (options.json)
    fmt::print("{}\n", json.dump());
  else
    fmt::print("{}", to_columns(rows));
  return exit_success;
}

int show(const ModelOptions& options, const Recipe& recipe) {
  GRADUS_CHECK(options.depth >= 0, "model show: --depth, expected at least 0, got {}",
               options.depth);
  const DType dtype = precision_of(recipe).parameters;
  const auto data = load_data(recipe, Split::train);
  if (options.init) return show_init(options, recipe, data);
  Graph graph;
  ParameterTable parameters;
  Place place{graph, parameters, dtype, false};
  Shape sample = data->sample_shape();
  sample.insert(0, 1);
  (void)make_model(recipe, *data)(
      place, graph.input("input", data->input_is_index() ? DType::i64 : dtype, sample));
  const std::vector<LayerRow> layers = model_layers(graph, parameters, options.depth);
  if (options.json)
    print_json(layers);
  else
    print_table(layers, dtype);
  return exit_success;
}

Command show_command() {
  const auto options = std::make_shared<ModelOptions>();
  return {
      .name = "show",
      .doc = "Show each layer with its output's shape, parameters and FLOPs",
      .options = {{"SOURCE", "A recipe, or a run folder", &options->source, true},
                  {"SETTINGS", "key=value settings that replace the recipe's", &options->settings},
                  {"--depth", "Join layers whose paths agree in so many names; 0: none",
                   &options->depth},
                  {"--init",
                   "Show what the first weights make of a batch: the variance of each layer's "
                   "output, and of the loss's gradient by it",
                   &options->init},
                  {"--json", "Print one JSON object", &options->json}},
      .run = [options] {
        return with_recipe(recipe_path(options->source), options->settings,
                           [&](const Recipe& recipe) { return show(*options, recipe); });
      }};
}

}  // namespace

Command model_command() {
  return {.name = "model", .doc = "Show models", .commands = {show_command()}};
}

}  // namespace gradus
