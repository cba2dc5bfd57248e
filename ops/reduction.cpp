// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

void mark(std::array<bool, Shape::max_rank>& mask, int64_t dim, int rank) {
  const int64_t d = dim < 0 ? dim + rank : dim;
  if (d >= 0 && d < rank) mask[static_cast<size_t>(d)] = true;
}

}  // namespace

std::vector<AttrSpec> reduction_attributes(std::vector<AttrSpec> more) {
  std::vector<AttrSpec> list{{"dim", AttrType::integers}, {"keepdim", AttrType::boolean, false}};
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

Shape reduced_shape(const InferArgs& args) {
  const Shape& in = args.in[0].shape;
  return reduced_shape(in, reduced_dims(args.attrs, in.rank(), args.op),
                       args.attrs.boolean("keepdim"));
}

Shape reduced_shape_not_empty(const InferArgs& args) {
  const Shape& in = args.in[0].shape;
  for (int d : reduced_dims(args.attrs, in.rank(), args.op))
    GRADUS_CHECK(in[d] != 0, "[{}] dim {} of {} is empty, expected at least one element", args.op,
                 d, to_string(in));
  return reduced_shape(args);
}

std::array<bool, Shape::max_rank> reduced_mask(const Attrs& attrs, int rank) {
  std::array<bool, Shape::max_rank> mask{};
  const AttrValue& value = attrs.find("dim");
  const auto* dims = value.as<AttrValue::Integers>();
  if (dims != nullptr)
    for (int64_t dim : *dims) mark(mask, dim, rank);
  if (dims == nullptr || dims->empty()) mask.fill(true);
  return mask;
}

// any and all take an empty list of dims for none, the others for all.
std::array<bool, Shape::max_rank> mask_of(kernels::Reduction reduction, const Attrs& attrs,
                                          int rank) {
  const bool truth = reduction == kernels::Reduction::any || reduction == kernels::Reduction::all;
  if (truth && detail::names_no_dim(attrs)) return {};
  return reduced_mask(attrs, rank);
}

kernels::ReduceArgs detail::planned_args(const KernelQuery& query, kernels::Reduction reduction) {
  return {reduction,
          query.in[0].dtype,
          nullptr,
          query.out[0].dtype,
          nullptr,
          query.in[0].shape,
          mask_of(reduction, query.attrs, query.in[0].shape.rank())};
}

bool detail::names_no_dim(const Attrs& attrs) {
  const auto* dims = attrs.find("dim").as<AttrValue::Integers>();
  return dims != nullptr && dims->empty();
}

std::vector<TensorSpec> infer_truth(const InferArgs& args) {
  const TensorSpec& in = args.in[0];
  const bool whole = detail::names_no_dim(args.attrs);
  return {
      {in.dtype == DType::u8 ? DType::u8 : DType::bool_, whole ? in.shape : reduced_shape(args)}};
}

kernels::ReduceArgs reduce_args(const RunArgs& args, kernels::Reduction reduction,
                                double parameter) {
  const TensorRef &in = args.in[0], &out = args.out[0];
  return {reduction,
          in.dtype,
          in.data,
          out.dtype,
          out.data,
          in.shape,
          mask_of(reduction, args.attrs, in.shape.rank()),
          parameter,
          args.workspace};
}

double reduced_count(const GradArgs& args) {
  const Shape& in = args.in[0].shape();
  double count = 1;
  for (int d : reduced_dims(args.attrs, in.rank(), "reduction"))
    count *= static_cast<double>(in[d]);
  return count;
}

Value spread(const GradArgs& args, Value reduced) {
  const Shape& in = args.in[0].shape();
  const std::vector<int> dims = reduced_dims(args.attrs, in.rank(), "reduction");
  return expand(reshape(reduced, reduced_shape(in, dims, true)), in);
}

Value sum_kept(const GradArgs& args, Value x) {
  const std::vector<int> dims = reduced_dims(args.attrs, x.rank(), "reduction");
  return sum(x, {dims.begin(), dims.end()}, true);
}

Cost reduction_cost(const KernelQuery& query) {
  return {static_cast<double>(query.in[0].numel()), least_bytes(query)};
}

std::vector<Sample> reduction_samples(const ReductionSamples& options) {
  std::vector<Sample> list;
  const auto push = [&](const Shape& shape, AttrList attrs, bool bench = false) {
    list.push_back(
        {.inputs = {{.shape = shape, .fill = options.fill, .lo = options.lo, .hi = options.hi}},
         .attrs = std::move(attrs),
         .bench = bench,
         .second = options.second});
  };
  push({3, 5}, {{"dim", AttrValue::Integers{0, 1}}});
  push({3, 5}, {{"dim", 0}});
  push({2, 3, 7}, {{"dim", AttrValue::Integers{0, -1}}, {"keepdim", true}});
  push({3, 2, 1, 5}, {{"dim", AttrValue::Integers{1, 3}}});
  push({}, {{"dim", 0}});
  push({1}, {{"dim", -1}});
  push({0, 3}, {{"dim", 1}});
  if (options.empty) push({0, 3}, {{"dim", 0}});
  push({67, 3}, {{"dim", 0}});
  push({2, 1101}, {{"dim", -1}});
  push({3, 37, 3}, {{"dim", AttrValue::Integers{1}}});
  for (const AttrList& attrs : options.more) push({4, 5}, attrs);
  push({1024, 1024}, {{"dim", -1}}, true);
  push({2048, 768}, {{"dim", 0}}, true);
  return list;
}

bool detail::blocks_usable(const KernelQuery& query, kernels::Reduction reduction) {
  return kernels::reduce_cpu_blocks_usable(detail::planned_args(query, reduction));
}

int64_t detail::blocks_workspace(const KernelQuery& query, kernels::Reduction reduction) {
  return kernels::reduce_cpu_blocks_workspace(detail::planned_args(query, reduction));
}

void detail::run_blocks(const RunArgs& args, kernels::Reduction reduction) {
  kernels::reduce_cpu_blocks(reduce_args(args, reduction));
}

}  // namespace gradus
