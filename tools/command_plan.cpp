// SPDX-License-Identifier: Apache-2.0
// `gradus plan`: what a recipe's training will run and need, before anything runs.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "tools/commands.h"
#include "tools/json_line.h"
#include "tools/memory_option.h"
#include "tools/progress_line.h"
#include "tools/recipe_schema.h"
#include "tools/step_estimate.h"
#include "tools/with_recipe.h"
#include "training/batch_choice.h"
#include "training/session.h"

namespace gradus {
namespace {

struct PlanOptions {
  std::string recipe;
  std::vector<std::string> settings;
  std::string memory;
  std::string graph = "none";
  bool values = false, quick = false, json = false;
};

// All that the command says.
struct Report {
  RecipePlan plan;
  int64_t batch = 0;
  // Not with --quick.
  std::optional<StepEstimate> estimate;
  std::optional<BatchChoice> largest;
  int64_t memory = 0;  // that this may take
  // The other setting of `recompute`; none where the model has no blocks.
  std::optional<RecipePlan> other;
  bool recomputes = false;
};

Report make_report(const Recipe& recipe, const LoadedData& data, const PlanOptions& options) {
  Report report;
  report.plan = plan_recipe(recipe, data.data, data.bytes);
  report.batch = recipe.integer("batch");
  report.recomputes = recipe.boolean("recompute");
  const Recipe changed =
      recipe.with({fmt::format("recompute={}", report.recomputes ? "false" : "true")});
  report.other = plan_recipe(changed, data.data, data.bytes);
  if (report.other->flops == report.plan.flops) report.other.reset();
  report.memory = memory_option(options.memory, data.bytes);
  if (options.quick) return report;
  report.estimate = estimate_step(report.plan);
  report.largest = largest_batch(recipe, data, report.memory);
  return report;
}

std::string size_text(int64_t bytes) { return bytes_text(static_cast<double>(bytes)); }

nlohmann::ordered_json to_json(const Report& report) {
  const Plan& update = report.plan.update().plan;
  const MemoryPlan& memory = report.plan.memory;
  nlohmann::ordered_json json = {{"batch", report.batch},
                                 {"steps", update.order.size()},
                                 {"buffers", update.buffers.size()},
                                 {"arena_bytes", memory.arena()},
                                 {"lower_bound_bytes", update.lower_bound_bytes},
                                 {"state_bytes", memory.states()},
                                 {"total_bytes", memory.total()},
                                 {"flops", report.plan.flops}};
  for (const MemoryPlan::Part& part : memory.parts()) {
    std::string name(part.name);
    std::ranges::replace(name, ' ', '_');
    json["memory"][name] = part.bytes;
  }
  if (report.estimate)
    json["estimate"] = {{"seconds", report.estimate->seconds},
                        {"flops_per_second", report.estimate->flops_per_second},
                        {"bytes_per_second", report.estimate->bytes_per_second},
                        {"from", "roof measured now"}};
  if (report.largest)
    json["largest_batch"] = {{"batch", report.largest->batch},
                             {"total_bytes", report.largest->bytes},
                             {"memory", report.memory},
                             {"all_samples", report.largest->all_samples}};
  if (report.other)
    json[report.recomputes ? "without_recompute" : "recompute"] = {
        {"total_bytes", report.other->memory.total()}, {"flops", report.other->flops}};
  return json;
}

void print_step(const Report& report) {
  size_t nodes = 0;
  for (const PlannedProgram& program : report.plan.programs)
    if (program.runs > 0) nodes += program.plan.order.size();
  fmt::print("step of {} samples: {:.4g} GFLOP in {} nodes\n", report.batch,
             report.plan.flops * 1e-9, nodes);
  if (!report.estimate) return;
  const StepEstimate& estimate = *report.estimate;
  fmt::print(
      "time of a step: at least {:.3g} ms, at most {:.4g} samples/s; by this machine's roof, "
      "measured now with {} threads: {:.4g} GFLOP/s in matrix products, {:.3g} GB/s copied\n",
      estimate.seconds * 1e3, static_cast<double>(report.batch) / estimate.seconds, thread_count(),
      estimate.flops_per_second * 1e-9, estimate.bytes_per_second * 1e-9);
}

void print_memory(const Report& report) {
  fmt::print("memory:\n");
  for (const MemoryPlan::Part& part : report.plan.memory.parts())
    if (part.bytes > 0)
      fmt::print("{:>14} {:>11}  {:<15}  {}\n", part.bytes, size_text(part.bytes), part.name,
                 part.doc);
  const int64_t total = report.plan.memory.total();
  fmt::print("{:>14} {:>11}  in all{}\n", total, size_text(total),
             total > report.memory
                 ? fmt::format(": more than the {} that it may take", size_text(report.memory))
                 : "");
  if (report.other)
    fmt::print("with recompute={}: {}, {:.4g} GFLOP a step\n", !report.recomputes,
               size_text(report.other->memory.total()), report.other->flops * 1e-9);
}

void print_largest(const Report& report) {
  if (!report.largest) return;
  const BatchChoice& choice = *report.largest;
  if (choice.batch == 0)
    fmt::print("no batch fits into {}\n", size_text(report.memory));
  else
    fmt::print("largest batch in {}: {}{}, {}\n", size_text(report.memory), choice.batch,
               choice.all_samples ? " (all samples)" : "", size_text(choice.bytes));
}

using Json = nlohmann::ordered_json;

Json ref_json(ValueRef ref) {
  return ref.present() ? Json{{"node", ref.node}, {"output", ref.output}} : Json();
}

Json spec_json(const TensorSpec& spec) {
  return {{"dtype", dtype_name(spec.dtype)},
          {"shape", std::vector<int64_t>(spec.shape.begin(), spec.shape.end())}};
}

std::string kind_of(const Node& node) {
  if (node.op != nullptr) return std::string(node.op->name);
  return node.kind == NodeKind::input   ? "input"
         : node.kind == NodeKind::state ? "state"
                                        : "constant";
}

Json graph_json(const Graph& graph) {
  Json json = {{"nodes", Json::array()}, {"updates", Json::object()}, {"outputs", Json::object()}};
  for (const Node& node : graph.nodes()) {
    Json entry = {{"op", kind_of(node)},
                  {"name", node.name},
                  {"inputs", Json::array()},
                  {"attributes", Json::object()},
                  {"outputs", Json::array()}};
    for (const ValueRef& input : node.inputs) entry["inputs"].push_back(ref_json(input));
    for (const auto& [name, value] : node.attrs.all())
      entry["attributes"][std::string(name)] = gradus::to_json(value);
    for (const TensorSpec& spec : node.outputs) entry["outputs"].push_back(spec_json(spec));
    json["nodes"].push_back(std::move(entry));
  }
  for (const NamedValue& update : graph.updates())
    json["updates"][update.name] = ref_json(update.value);
  for (const NamedValue& output : graph.outputs())
    json["outputs"][output.name] = ref_json(output.value);
  return json;
}

// `steps`: the first and last step that need the memory. A workspace has no value.
Json values_json(const PlannedProgram& program) {
  const Plan& plan = program.plan;
  Json json = {{"arena_bytes", plan.arena_bytes},
               {"lower_bound_bytes", plan.lower_bound_bytes},
               {"values", Json::array()}};
  for (const PlannedBuffer& buffer : plan.buffers) {
    const bool is_value = buffer.first_value.present();
    const int node =
        is_value ? buffer.first_value.node : plan.order[static_cast<size_t>(buffer.begin)];
    Json entry = {{"name", program.graph->node(node).name},
                  {"kind", is_value ? "value" : "workspace"},
                  {"bytes", buffer.bytes},
                  {"offset", buffer.offset},
                  {"steps", {buffer.begin, buffer.end}}};
    if (is_value) entry.update(spec_json(program.graph->spec(buffer.first_value)));
    json["values"].push_back(std::move(entry));
  }
  return json;
}

// What runs in a step, program by program.
void print_programs(const RecipePlan& plan, const PlanOptions& options) {
  Json all = Json::array();
  for (const PlannedProgram& program : plan.programs) {
    if (program.runs == 0) continue;
    if (options.json) {
      Json entry = {{"name", program.name}, {"runs", program.runs}};
      if (options.values)
        entry.update(values_json(program));
      else if (options.graph == "dot")
        entry["dot"] = to_dot(*program.graph);
      else
        entry.update(graph_json(*program.graph));
      all.push_back(std::move(entry));
      continue;
    }
    if (plan.programs.size() > 2) fmt::print("# {}\n", program.name);
    const std::string text = options.values           ? to_table(program.plan, *program.graph)
                             : options.graph == "dot" ? to_dot(*program.graph)
                                                      : to_text(*program.graph);
    std::fputs(text.c_str(), stdout);
  }
  if (!options.json) return;
  Json json;
  json["programs"] = std::move(all);
  fmt::print("{}\n", json_line(json));
}

int run_plan(const PlanOptions& options, const Recipe& given) {
  GRADUS_CHECK(options.graph == "none" || options.graph == "text" || options.graph == "dot",
               "plan: --graph, expected none, text or dot, got '{}'", options.graph);
  GRADUS_CHECK(options.graph == "none" || !options.values,
               "plan: --values and --graph are two lists, expected one of them");
  memory_option(options.memory, 0);  // its errors before minutes of work
  use_threads(given);
  const Recipe recipe = with_known_batch(given);
  const LoadedData data = load_measured_data(recipe);
  if (options.graph != "none" || options.values) {
    print_programs(plan_recipe(recipe, data.data, data.bytes), options);
    return exit_success;
  }
  const Report report = make_report(recipe, data, options);
  if (options.json) {
    fmt::print("{}\n", json_line(to_json(report)));
    return exit_success;
  }
  print_step(report);
  print_memory(report);
  print_largest(report);
  return exit_success;
}

}  // namespace

Command plan_command() {
  const auto options = std::make_shared<PlanOptions>();
  return {
      .name = "plan",
      .doc =
          "Show what training will need, without running it: memory to the byte, work, least "
          "time, the largest batch",
      .options = {{"RECIPE", "The recipe, a TOML file", &options->recipe, true},
                  {"SETTINGS", "key=value that override the recipe's", &options->settings},
                  {"--memory",
                   "What training may take, as 8GiB; without it nine tenths of what this process "
                   "can have by the machine, its control group and ulimit",
                   &options->memory},
                  {"--quick", "Neither measure the machine nor look for the largest batch",
                   &options->quick},
                  {"--values", "List instead every value of a step with its place in memory",
                   &options->values},
                  {"--graph", "Print instead the graph that will run: none, text or dot",
                   &options->graph},
                  {"--json", "Print one JSON object", &options->json}},
      .run = [options] {
        return with_recipe(options->recipe, options->settings,
                           [&](const Recipe& recipe) { return run_plan(*options, recipe); });
      }};
}

}  // namespace gradus
