// SPDX-License-Identifier: Apache-2.0
// What training a recipe takes, known before anything runs.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "engine/plan/plan.h"
#include "training/data_factory.h"
#include "training/recipe.h"

namespace gradus {

// Bytes that the allocators of device and host hand out while a recipe trains, from its first step
// on. Each part but the data set, which depends on its files, follows from shapes alone.
struct MemoryPlan {
  // Of the weights, of what the model updates itself, of the update rule, of accumulate and of
  // [average], with the copies that evaluation needs.
  int64_t parameters = 0, statistics = 0, optimizer = 0, gradient_sums = 0, averages = 0;
  // Parts of the arena in the step that needs most of it. Gradients: all that the backward pass
  // and the update make. Gaps: what does not fit side by side.
  int64_t activations = 0, gradients = 0, workspace = 0, inputs = 0, gaps = 0;
  int64_t constants = 0;        // of the graphs, random states
  int64_t data = 0;             // the data sets
  int64_t batches = 0;          // that the host prepares
  int64_t checkpoint_copy = 0;  // of checkpoint.async

  struct Part {
    std::string_view name;
    int64_t bytes;
    std::string_view doc;
  };
  std::vector<Part> parts() const;  // all of the above
  int64_t total() const;
  int64_t arena() const { return activations + gradients + workspace + inputs + gaps; }
  int64_t states() const { return parameters + statistics + optimizer + gradient_sums + averages; }
};

// One of a run's programs.
struct PlannedProgram {
  // "accumulation", "update", "evaluation"; "... of other batches": those of another form than most
  std::string_view name;
  int64_t runs = 0;  // in a step of the main form; 0 of an evaluation
  std::shared_ptr<const Graph> graph;
  Plan plan;
};

struct RecipePlan {
  std::vector<PlannedProgram> programs;
  MemoryPlan memory;
  double flops = 0;  // of an optimizer step

  const PlannedProgram& update() const;
};

// Plans what TrainingSession would make of the recipe and data, without the memory for it.
// `data_bytes` is what the data take. Throws as TrainingSession.
RecipePlan plan_recipe(const Recipe& recipe, const TrainingData& data, int64_t data_bytes = 0);

// The data of a recipe and what they take.
struct LoadedData {
  TrainingData data;
  int64_t bytes = 0;
};
LoadedData load_measured_data(const Recipe& recipe);

// What a step's nodes do at least, by OpDef::cost, for estimates of time.
struct NodeCost {
  double flops, bytes;  // of all runs in a step
};
std::vector<NodeCost> step_costs(const RecipePlan& plan);

}  // namespace gradus
