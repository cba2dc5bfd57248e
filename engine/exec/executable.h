// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "engine/exec/arena.h"
#include "engine/exec/kernel_call.h"
#include "engine/exec/run_observer.h"
#include "engine/exec/state_store.h"
#include "engine/plan/plan.h"

namespace gradus {

// A graph made ready for one device: kernels chosen, memory planned, pointers bound. run()
// allocates nothing.
//
//   Executable step(graph, states, arena);
//   step.set_input("x", batch);  // before every run: a run may overwrite its inputs
//   step.run({.seed = 1, .step = 7});
//   double loss = step.output("loss").item();
class Executable {
 public:
  // Declares the graph's states in `states` (zeros where new) and grows `arena` to the plan's size.
  // All three must outlive this.
  Executable(std::shared_ptr<const Graph> graph, StateStore& states, Arena& arena);

  // The memory of an input; fill it before each run. Throws for an unknown name.
  Tensor input(std::string_view name);
  // Checks dtype and shape, and copies.
  void set_input(std::string_view name, const Tensor& value);
  // Sets an input of one element, rounded to its dtype.
  void set_input(std::string_view name, double value);
  void run(const RngState& rng = {}, RunObserver* observer = nullptr);
  // Valid until the next run of any program on the same arena.
  Tensor output(std::string_view name);

  // The memory of a value, for observers: it holds the value from when its node has run until
  // another value takes its place. Empty for a value that nothing reads.
  Tensor value(ValueRef value) const;

  const Plan& plan() const { return plan_; }
  const Graph& graph() const { return *graph_; }
  // The kernel variant and the node of each step, for listings.
  std::vector<std::string_view> variants() const;
  std::vector<int> step_nodes() const;

 private:
  struct Copy {
    void* from;
    void* to;
    int64_t bytes;
  };

  void bind();
  void bind_edges();
  void run_observed(RunObserver& observer) const;
  void* address(ValueRef value) const;
  void* final_address(ValueRef value) const;
  Tensor borrow(void* memory, const TensorSpec& spec) const;

  std::shared_ptr<const Graph> graph_;
  StateStore* states_;
  Arena* arena_;
  Device* device_;
  std::vector<std::unique_ptr<KernelCall>>
      calls_;  // by node; null for views and nodes that do not run
  Plan plan_;
  std::vector<KernelCall*> steps_;
  std::vector<Copy> copies_;
  std::vector<Tensor> constants_;         // by node
  std::vector<Tensor> inputs_, outputs_;  // the memory of each, in the graph's order
  Tensor rng_;
  int64_t bound_generation_ = -1;
};

}  // namespace gradus
