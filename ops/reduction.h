// SPDX-License-Identifier: Apache-2.0
// What the reductions over a list of dims share: attributes dim (an int, a list, or none = all) and
// keepdim, shapes, kernels, samples.
#pragma once

#include <vector>

#include "engine/graph/value.h"
#include "engine/op/op.h"
#include "kernels/reduce.h"
#include "ops/cuda_variants.h"

namespace gradus {

// dim and keepdim, then `more`.
std::vector<AttrSpec> reduction_attributes(std::vector<AttrSpec> more = {});

// The result's shape; throws for a dim that is out of range or named twice.
Shape reduced_shape(const InferArgs& args);
// The same, and throws where a result would be the extreme of nothing.
Shape reduced_shape_not_empty(const InferArgs& args);

// Which dims are reduced; allocates nothing, so kernels may call it.
std::array<bool, Shape::max_rank> reduced_mask(const Attrs& attrs, int rank);
kernels::ReduceArgs reduce_args(const RunArgs& args, kernels::Reduction reduction,
                                double parameter = 0);

template <kernels::Reduction reduction>
void run_reduction(const RunArgs& args) {
  kernels::reduce_cpu(reduce_args(args, reduction));
}
// The f32 variant "blocks" in front of the reference.
template <kernels::Reduction reduction>
std::vector<KernelVariant> reduction_variants();
template <kernels::Reduction reduction>
std::vector<KernelVariant> reduction_cuda_variants();

// any and all give bool (u8 stays u8), and an empty list of dims reduces nothing, as in PyTorch.
std::vector<TensorSpec> infer_truth(const InferArgs& args);
template <kernels::Reduction reduction>
void run_truth(const RunArgs& args);

// How many elements make one element of the result.
double reduced_count(const GradArgs& args);
// A reduced value (with or without keepdim) spread over the input's shape.
Value spread(const GradArgs& args, Value reduced);
// Sums over the reduced dims, keeping them as dims of size 1.
Value sum_kept(const GradArgs& args, Value x);

Cost reduction_cost(const KernelQuery& query);

struct ReductionSamples {
  Fill fill = Fill::uniform;
  double lo = -1, hi = 1;
  bool empty = true;                // with a sample that reduces nothing
  std::vector<AttrList> more = {};  // attributes off their default, one sample each
  bool second = true;
};
std::vector<Sample> reduction_samples(const ReductionSamples& options);

namespace detail {
bool names_no_dim(const Attrs& attrs);
kernels::ReduceArgs planned_args(const KernelQuery& query, kernels::Reduction reduction);
bool blocks_usable(const KernelQuery& query, kernels::Reduction reduction);
int64_t blocks_workspace(const KernelQuery& query, kernels::Reduction reduction);
void run_blocks(const RunArgs& args, kernels::Reduction reduction);
}  // namespace detail

template <kernels::Reduction reduction>
void run_truth(const RunArgs& args) {
  kernels::reduce_cpu(reduce_args(args, reduction));
}

template <kernels::Reduction reduction>
std::vector<KernelVariant> reduction_variants() {
  return {{"blocks", [](const RunArgs& args) { detail::run_blocks(args, reduction); },
           [](const KernelQuery& query) { return detail::blocks_workspace(query, reduction); },
           [](const KernelQuery& query) { return detail::blocks_usable(query, reduction); }},
          {"reference", run_reduction<reduction>}};
}

namespace detail {
template <kernels::Reduction reduction, class>
struct OnCuda {
  static void run(const RunArgs& args) {
    kernels::reduce_cuda(reduce_args(args, reduction), args.stream);
  }
  static int64_t workspace(const KernelQuery& query) {
    return kernels::reduce_cuda_workspace(planned_args(query, reduction));
  }
  static bool usable(const KernelQuery& query) {
    return kernels::reduce_cuda_usable(planned_args(query, reduction));
  }
};
}  // namespace detail

template <kernels::Reduction reduction>
std::vector<KernelVariant> reduction_cuda_variants() {
  return cuda_variants([](auto tag) {
    using Kernel = detail::OnCuda<reduction, decltype(tag)>;
    return std::vector<KernelVariant>{{"pieces", Kernel::run, Kernel::workspace, Kernel::usable}};
  });
}

}  // namespace gradus
