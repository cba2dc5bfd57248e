// SPDX-License-Identifier: Apache-2.0
#include "training/memory_plan.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/exec/program_memory.h"
#include "training/averages.h"
#include "training/evaluation.h"
#include "training/loader.h"
#include "training/model_factory.h"
#include "training/precision.h"
#include "training/sample_mixing.h"
#include "training/session.h"

namespace gradus {
namespace {

constexpr std::string_view backward_scope = "grad.";

void add_states(const ParameterTable& parameters, MemoryPlan& memory) {
  for (const Parameter& parameter : parameters.all()) {
    const int64_t bytes = parameter.spec.bytes();
    switch (parameter.role) {
      case ParameterRole::weight:
        memory.parameters += bytes;
        break;
      case ParameterRole::buffer:
        memory.statistics += bytes;
        break;
      case ParameterRole::average:
        memory.averages += 2 * bytes;  // and where it waits while it stands in for its weight
        break;
      case ParameterRole::optimizer:
        (parameter.name.starts_with(running_sum_prefix) ? memory.gradient_sums
                                                        : memory.optimizer) += bytes;
        break;
    }
  }
}

// What of a program's arena is alive in its fullest step.
void add_arena(const PlannedProgram& program, MemoryPlan& memory) {
  const Graph& graph = *program.graph;
  const auto is_backward = [&](const Node& node) { return node.name.starts_with(backward_scope); };
  const auto first = std::ranges::find_if(graph.nodes(), is_backward);
  const auto first_backward = static_cast<int>(first - graph.nodes().begin());
  int64_t alive = 0;
  for (const size_t index : buffers_at_peak(program.plan)) {
    const PlannedBuffer& buffer = program.plan.buffers[index];
    const int node = buffer.first_value.node;
    alive += buffer.bytes;
    if (node < 0)
      memory.workspace += buffer.bytes;
    else if (graph.node(node).kind == NodeKind::input)
      memory.inputs += buffer.bytes;
    else
      (node < first_backward ? memory.activations : memory.gradients) += buffer.bytes;
  }
  memory.gaps += program.plan.arena_bytes - alive;
}

int64_t target_bytes(const BatchSpec& spec, DType dtype) {
  const int64_t count = batch_shape(spec.batch, spec.target).numel();
  return dtype_bytes(spec.numbers ? dtype : DType::i64, count);
}

int64_t batch_bytes(const BatchSpec& spec, DType dtype) {
  const int64_t count = batch_shape(spec.batch, spec.sample).numel();
  return dtype_bytes(spec.tokens ? DType::i64 : dtype, count) + target_bytes(spec, dtype);
}

PlannedProgram planned(std::string_view name, int64_t runs, std::shared_ptr<const Graph> graph,
                       Device& device) {
  PlannedProgram program{name, runs, std::move(graph), {}};
  program.plan = make_plan(*program.graph, kernel_calls(*program.graph, device));
  return program;
}

std::vector<TensorSpec> input_specs(const Graph& graph, const Node& node) {
  std::vector<TensorSpec> in;
  for (const ValueRef& input : node.inputs)
    in.push_back(input.present() ? graph.spec(input) : TensorSpec::absent());
  return in;
}

}  // namespace

std::vector<MemoryPlan::Part> MemoryPlan::parts() const {
  return {{"parameters", parameters, "weights of the model"},
          {"statistics", statistics, "what the model updates itself, as running means"},
          {"optimizer", optimizer, "the update rule's memory"},
          {"gradient sums", gradient_sums, "of the micro-steps (accumulate)"},
          {"averages", averages, "of the weights, and room to exchange them"},
          {"activations", activations, "of the forward pass, in the fullest moment of a step"},
          {"gradients", gradients, "of the backward pass and the update, then"},
          {"workspace", workspace, "of the kernel that runs then"},
          {"inputs", inputs, "the batch on the device and numbers that change"},
          {"gaps", gaps, "between these"},
          {"constants", constants, "of the programs"},
          {"data", data, "the data sets"},
          {"batches", batches, "that the host prepares"},
          {"checkpoint copy", checkpoint_copy, "of checkpoint.async"}};
}

int64_t MemoryPlan::total() const {
  int64_t sum = 0;
  for (const Part& part : parts()) sum += part.bytes;
  return sum;
}

const PlannedProgram& RecipePlan::update() const {
  return *std::ranges::find(programs, std::string_view("update"), &PlannedProgram::name);
}

RecipePlan plan_recipe(const Recipe& recipe, const TrainingData& data, int64_t data_bytes) {
  Device& device = find_device(recipe.text("device"));
  const DType dtype = precision_of(recipe).parameters;
  const Model model = make_model(recipe, *data.train);
  const Optimizer optimizer = make_optimizer(recipe);
  const StepForm form = step_form(recipe);
  const BatchSpec spec = training_spec(recipe, *data.train, micro_batch(recipe));
  const Sampler sampler = make_sampler(recipe, *data.train);
  ParameterTable parameters;
  RecipePlan plan;
  MemoryPlan& memory = plan.memory;
  const std::vector<BatchSpec> specs =
      training_specs(recipe, *data.train, sampler, form.micro_steps);
  for (size_t i = 0; i < specs.size(); ++i) {
    const bool main = i == sampler.main_form();
    if (form.micro_steps > 1)
      plan.programs.push_back(planned(
          main ? "accumulation" : "accumulation of other batches", main ? form.micro_steps - 1 : 0,
          accumulation_graph(model, specs[i], dtype, optimizer, parameters, form), device));
    plan.programs.push_back(planned(
        main ? "update" : "update of other batches", main ? 1 : 0,
        training_graph(model, specs[i], dtype, optimizer, recipe.real("clip"), parameters, form),
        device));
    memory.batches += Loader::slots(recipe.integer("data.workers")) * batch_bytes(specs[i], dtype);
    if (make_sample_mixing(recipe).on()) memory.batches += target_bytes(specs[i], dtype);
  }
  if (data.validation) {
    const BatchSpec checked = Evaluation::spec_of(*data.validation, spec.batch);
    plan.programs.push_back(planned(
        "evaluation", 0, evaluation_graph(model, checked, dtype, parameters, form.low), device));
    memory.batches += batch_bytes(checked, dtype);
  }
  for (const PlannedProgram& program : plan.programs) {
    const ProgramMemory own = program_memory(*program.graph, device);
    memory.constants += own.constants + own.random;
  }
  add_states(parameters, memory);
  add_arena(*std::ranges::max_element(plan.programs, {},
                                      [](const auto& each) { return each.plan.arena_bytes; }),
            memory);
  memory.data = data_bytes;
  memory.checkpoint_copy =
      recipe.boolean("checkpoint.async") ? memory.states() - memory.averages / 2 : 0;
  for (const NodeCost& cost : step_costs(plan)) plan.flops += cost.flops;
  return plan;
}

LoadedData load_measured_data(const Recipe& recipe) {
  const int64_t before = cpu_device().allocated_bytes();
  LoadedData loaded{load_training_data(recipe)};
  loaded.bytes = cpu_device().allocated_bytes() - before;
  return loaded;
}

std::vector<NodeCost> step_costs(const RecipePlan& plan) {
  std::vector<NodeCost> costs;
  for (const PlannedProgram& program : plan.programs) {
    if (program.runs == 0) continue;
    for (const int index : program.plan.order) {
      const Node& node = program.graph->node(index);
      if (node.op->cost == nullptr) continue;
      const std::vector<TensorSpec> in = input_specs(*program.graph, node);
      const Cost cost = node.op->cost({in, node.outputs, node.attrs, cpu_device().info()});
      const auto runs = static_cast<double>(program.runs);
      costs.push_back({runs * cost.flops, runs * cost.bytes});
    }
  }
  return costs;
}

}  // namespace gradus
