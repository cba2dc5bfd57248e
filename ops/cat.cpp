// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/graph/grad_args.h"
#include "engine/tensor/tensor.h"
#include "kernels/block_copy.h"
#include "ops/cuda_variants.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

// PyTorch leaves out inputs of shape (0), whatever the others are.
bool is_skipped(const Shape& shape) { return shape.rank() == 1 && shape[0] == 0; }

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec* model = &args.in[0];
  DType dtype = args.in[0].dtype;
  for (const TensorSpec& in : args.in) {
    GRADUS_CHECK(in.shape.rank() > 0, "[cat] expected inputs of at least one dim, got a scalar");
    dtype = promote(dtype, in.dtype);
    if (is_skipped(model->shape)) model = &in;
  }
  const int dim = normalize_dim(args.attrs.integer("dim"), model->shape.rank(), args.op);
  Shape shape = model->shape;
  shape[dim] = 0;
  for (size_t i = 0; i < args.in.size(); ++i) {
    const Shape& in = args.in[i].shape;
    if (is_skipped(in)) continue;
    GRADUS_CHECK(in.rank() == shape.rank(), "[cat] input {}, expected {} dims, got shape {}", i,
                 shape.rank(), to_string(in));
    for (int d = 0; d < in.rank(); ++d)
      GRADUS_CHECK(d == dim || in[d] == shape[d], "[cat] input {} dim {}, expected {}, got {}", i,
                   d, shape[d], in[d]);
    GRADUS_CHECK(!__builtin_add_overflow(shape[dim], in[dim], &shape[dim]),
                 "[cat] dim {} of the result is too large", dim);
  }
  const TensorSpec out{dtype, shape};
  (void)out.bytes();
  return {out};
}

// One input of another dtype than the result.
void convert_part(const TensorRef& in, const TensorRef& out, char* to, const DimSplit& split) {
  const int64_t run = split.dim * split.inner, width = element_bytes(in.dtype);
  const int64_t pitch = out.numel() / split.outer * element_bytes(out.dtype);
  parallel_for(split.outer, [&](int64_t row) {
    convert(in.dtype, in.as<const char>() + row * run * width, out.dtype, to + row * pitch, run);
  });
}

// Calls f(input, where its part of the output begins, the input's split) for every part.
template <class F>
void for_parts(const RunArgs& args, F f) {
  const TensorRef& out = args.out[0];
  if (out.numel() == 0) return;
  const int64_t dim = args.attrs.integer("dim"), width = element_bytes(out.dtype);
  const DimSplit whole = split_at(out.shape, dim, "cat");
  int64_t done = 0;
  for (const TensorRef& in : args.in) {
    if (in.numel() == 0) continue;
    const DimSplit split = split_at(in.shape, dim, "cat");
    f(in, out.as<char>() + done * whole.inner * width, split);
    done += split.dim;
  }
}

// The part of an input of the output's dtype.
kernels::BlockCopyArgs block(const TensorRef& in, const TensorRef& out, char* to,
                             const DimSplit& split) {
  const int64_t width = element_bytes(out.dtype), bytes = split.dim * split.inner * width;
  return {split.outer, bytes, in.data, bytes, to, out.numel() / split.outer * width};
}

void run(const RunArgs& args) {
  for_parts(args, [&](const TensorRef& in, char* to, const DimSplit& split) {
    if (in.dtype != args.out[0].dtype)
      convert_part(in, args.out[0], to, split);
    else
      kernels::block_copy_cpu(block(in, args.out[0], to, split));
  });
}

template <class>
void run_cuda(const RunArgs& args) {
  for_parts(args, [&](const TensorRef& in, char* to, const DimSplit& split) {
    kernels::block_copy_cuda(block(in, args.out[0], to, split), args.stream);
  });
}

template <class>
bool of_one_dtype(const KernelQuery& query) {
  for (const TensorSpec& in : query.in)
    if (in.numel() > 0 && in.dtype != query.out[0].dtype) return false;
  return true;
}

std::vector<Value> grad(GradArgs& args) {
  const int64_t dim = args.attrs.integer("dim");
  std::vector<Value> result(args.in.size());
  int64_t start = 0;
  for (size_t i = 0; i < args.in.size(); ++i) {
    const Value in = args.in[i];
    if (is_skipped(in.shape())) {
      result[i] = zeros_like(in);
      continue;
    }
    const int64_t size = in.shape()[normalize_dim(dim, in.rank(), "cat")];
    if (args.wants(i))
      result[i] = cast(
          apply1("slice", {args.dout[0]}, {{"dim", dim}, {"start", start}, {"end", start + size}}),
          in.dtype());
    start += size;
  }
  return result;
}

std::vector<Sample> samples() {
  return {
      {.inputs = {{.shape = {2, 3}}, {.shape = {4, 3}}}},
      {.inputs = {{.shape = {2, 3}}, {.shape = {2, 1}}, {.shape = {2, 5}}}, .attrs = {{"dim", 1}}},
      {.inputs = {{.shape = {2, 3, 4}}, {.shape = {2, 0, 4}}, {.shape = {2, 1, 4}}},
       .attrs = {{"dim", -2}}},
      {.inputs = {{.shape = {1}}}},
      {.inputs = {{.shape = {0}}, {.shape = {2, 3}}}, .attrs = {{"dim", 1}}},
      {.inputs = {{.shape = {0, 2}}, {.shape = {0, 2}}}},
      {.inputs = {{.shape = {3}},
                  {.shape = {2}, .dtype = DType::i64, .fill = Fill::integers, .lo = -5, .hi = 5}}},
      {.inputs = {{.shape = {512, 512}}, {.shape = {512, 512}}},
       .attrs = {{"dim", 1}},
       .bench = true}};
}

}  // namespace

OpDef cat_op() {
  return {
      .name = "cat",
      .doc =
          "joins tensors along dim, which may differ between them; dtypes promote; inputs of "
          "shape (0) are left out",
      .inputs = {{"tensors", InputKind::variadic}},
      .attributes = {{"dim", AttrType::integer, 0}},
      .dtypes = all_types,
      .infer = infer,
      .grad = grad,
      .cpu = {{"reference", run}},
      .cuda = cuda_variants([](auto tag) {
        using Tag = decltype(tag);
        return std::vector<KernelVariant>{{"pieces", run_cuda<Tag>, nullptr, of_one_dtype<Tag>}};
      }),
      .half = HalfPolicy::native,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{0, least_bytes(query)};
      }};
}

}  // namespace gradus
