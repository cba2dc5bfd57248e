// SPDX-License-Identifier: Apache-2.0
// `gradus plan`: what one optimizer step of a recipe will run and need, before anything runs.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/exec/executable.h"
#include "tools/commands.h"
#include "training/data_factory.h"
#include "training/model_factory.h"
#include "training/program.h"
#include "training/session.h"

namespace gradus {
namespace {

struct PlanOptions {
  std::string recipe;
  std::vector<std::string> settings;
  std::string graph = "none";
  bool json = false;
};

void print_graph(const Graph& graph, const std::string& form) {
  const std::string text = form == "dot" ? to_dot(graph) : to_text(graph);
  std::fputs(text.c_str(), stdout);
}

void print_summary(const Executable& step, const StateStore& states) {
  const Plan& plan = step.plan();
  const nlohmann::ordered_json json = {{"steps", plan.order.size()},
                                       {"buffers", plan.buffers.size()},
                                       {"arena_bytes", plan.arena_bytes},
                                       {"lower_bound_bytes", plan.lower_bound_bytes},
                                       {"state_bytes", states.bytes()}};
  std::printf("%s\n", json.dump().c_str());
}

int run_plan(const PlanOptions& options) {
  GRADUS_CHECK(options.graph == "none" || options.graph == "text" || options.graph == "dot",
               "plan: --graph, expected none, text or dot, got '{}'", options.graph);
  const Recipe recipe = load_recipe(options.recipe, options.settings);
  const auto data = load_data(recipe, Split::train);
  Device& device = find_device(recipe.text("device"));
  ParameterTable parameters;
  const std::shared_ptr<const Graph> graph =
      training_graph(make_model(recipe, *data), training_spec(recipe, *data, micro_batch(recipe)),
                     *parse_dtype(recipe.text("precision")), make_optimizer(recipe),
                     recipe.real("clip"), parameters, recipe.integer("accumulate"));
  StateStore states(device);
  Arena arena(device);
  const Executable step(graph, states, arena);
  if (options.json) {
    print_summary(step, states);
  } else if (options.graph != "none") {
    print_graph(*graph, options.graph);
  } else {
    fmt::print("{}states {:.1f} MiB\n", to_table(step.plan(), *graph),
               static_cast<double>(states.bytes()) / (1 << 20));
  }
  return exit_success;
}

}  // namespace

Command plan_command() {
  const auto options = std::make_shared<PlanOptions>();
  return {
      .name = "plan",
      .doc = "Show the memory that a training step will need, value by value, without running it",
      .options = {{"RECIPE", "The recipe, a TOML file", &options->recipe, true},
                  {"SETTINGS", "key=value that override the recipe's", &options->settings},
                  {"--graph", "Print the graph that will run instead: none, text or dot",
                   &options->graph},
                  {"--json", "Print the totals as one JSON object", &options->json}},
      .run = [options] { return run_plan(*options); }};
}

}  // namespace gradus
