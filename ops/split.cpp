// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/block_copy.h"
#include "ops/cuda_variants.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

// More parts than this are a mistake, and would cost the graph one value each.
constexpr int64_t max_parts = 1 << 16;

// One number cuts into parts of that size (the last may be smaller), several are the parts' sizes.
std::vector<int64_t> part_sizes(const Attrs& attrs, int64_t size) {
  const std::vector<int64_t>& given = attrs.integers("split_size_or_sections");
  GRADUS_CHECK(!given.empty() && *std::ranges::min_element(given) >= 0,
               "[split] attribute 'split_size_or_sections', expected sizes of at least 0, got {}",
               to_string(attrs.find("split_size_or_sections")));
  if (given.size() > 1) {
    int64_t sum = 0;
    for (int64_t part : given)
      GRADUS_CHECK(!__builtin_add_overflow(sum, part, &sum), "[split] sizes are too large");
    GRADUS_CHECK(sum == size,
                 "[split] attribute 'split_size_or_sections', expected a sum of {}, got {}", size,
                 sum);
    return given;
  }
  GRADUS_CHECK(given[0] > 0 || size == 0,
               "[split] attribute 'split_size_or_sections', expected at least 1, got 0");
  const int64_t parts = size == 0 ? 1 : (size - 1) / given[0] + 1;
  GRADUS_CHECK(parts <= max_parts, "[split] expected at most {} parts, got {}", max_parts, parts);
  std::vector<int64_t> sizes(static_cast<size_t>(parts), given[0]);
  sizes.back() = size - (parts - 1) * given[0];
  return sizes;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& in = args.in[0];
  GRADUS_CHECK(in.shape.rank() > 0, "[split] expected at least one dim, got a scalar");
  const int dim = normalize_dim(args.attrs.integer("dim"), in.shape.rank(), args.op);
  std::vector<TensorSpec> parts;
  for (int64_t size : part_sizes(args.attrs, in.shape[dim])) {
    parts.push_back(in);
    parts.back().shape[dim] = size;
  }
  return parts;
}

// Calls f(block) for every part that is not empty.
template <class F>
void for_parts(const RunArgs& args, F f) {
  const TensorRef& in = args.in[0];
  const int64_t dim = args.attrs.integer("dim"), width = element_bytes(in.dtype);
  const DimSplit whole = split_at(in.shape, dim, "split");
  int64_t done = 0;
  for (const TensorRef& out : args.out) {
    const DimSplit split = split_at(out.shape, dim, "split");
    const int64_t bytes = split.dim * split.inner * width;
    if (out.numel() > 0)
      f(kernels::BlockCopyArgs{split.outer, bytes, in.as<const char>() + done * whole.inner * width,
                               whole.dim * whole.inner * width, out.data, bytes});
    done += split.dim;
  }
}

void run(const RunArgs& args) { for_parts(args, kernels::block_copy_cpu); }
template <class>
void run_cuda(const RunArgs& args) {
  for_parts(args, [&](const kernels::BlockCopyArgs& part) {
    kernels::block_copy_cuda(part, args.stream);
  });
}

std::vector<Value> grad(GradArgs& args) {
  std::vector<Value> parts;
  for (size_t i = 0; i < args.out.size(); ++i) parts.push_back(args.dout_or_zeros(i));
  return {reshape(apply1("cat", parts, {{"dim", args.attrs.integer("dim")}}), args.in[0].shape())};
}

std::vector<Sample> samples() {
  const auto parts = [](AttrValue::Integers sizes) {
    return NamedAttr{"split_size_or_sections", std::move(sizes)};
  };
  return {{.inputs = {{.shape = {5, 3}}}, .attrs = {parts({2})}},
          {.inputs = {{.shape = {2, 6, 3}}}, .attrs = {parts({1, 0, 5}), {"dim", 1}}},
          {.inputs = {{.shape = {4, 9}}}, .attrs = {parts({3}), {"dim", -1}}},
          {.inputs = {{.shape = {1}}}, .attrs = {parts({1})}},
          {.inputs = {{.shape = {0, 3}}}, .attrs = {parts({2})}},
          {.inputs = {{.shape = {1024, 768}}}, .attrs = {parts({256}), {"dim", 1}}, .bench = true}};
}

}  // namespace

OpDef split_op() {
  return {
      .name = "split",
      .doc = "cuts dim into parts: of one size (the last may be smaller), or of the sizes given",
      .inputs = {{"input"}},
      .outputs = {"output..."},
      .attributes = {{"split_size_or_sections", AttrType::integers, {}, true},
                     {"dim", AttrType::integer, 0}},
      .dtypes = all_types,
      .infer = infer,
      .grad = grad,
      .cpu = {{"reference", run}},
      .cuda = cuda_variants([](auto tag) {
        return std::vector<KernelVariant>{{"pieces", run_cuda<decltype(tag)>}};
      }),
      .half = HalfPolicy::native,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{0, least_bytes(query)};
      }};
}

}  // namespace gradus
