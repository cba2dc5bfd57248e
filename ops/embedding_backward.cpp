// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/index_add.h"
#include "ops/cuda_variants.h"
#include "ops/embedding_padding.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  check_index_dtype(args, 1, "indices");
  const int64_t rows = args.attrs.integer("num_weights");
  GRADUS_CHECK(rows >= 0,
               "[embedding_backward] attribute 'num_weights', expected at least 0, got {}", rows);
  (void)padding_row(args.attrs, rows, args.op);
  const Shape &dy = args.in[0].shape, &indices = args.in[1].shape;
  Shape expected = indices;
  if (dy.rank() > 0) expected.push_back(dy[dy.rank() - 1]);
  GRADUS_CHECK(
      dy.rank() > 0 && dy == expected,
      "[embedding_backward] input 0 ('grad_output') shape, expected {} and a width, got {}",
      to_string(indices), to_string(dy));
  const TensorSpec out{args.in[0].dtype, {rows, dy[dy.rank() - 1]}};
  (void)out.bytes();
  return {out};
}

kernels::IndexAddArgs kernel_args(const RunArgs& args) {
  const TensorRef &dy = args.in[0], &indices = args.in[1], &out = args.out[0];
  return {"embedding_backward",
          dy.dtype,
          nullptr,
          index_array(indices),
          dy.data,
          out.data,
          1,
          out.shape[0],
          out.shape[1],
          indices.numel(),
          1.0,
          padding_row(args.attrs, out.shape[0], "embedding_backward")};
}

void run(const RunArgs& args) { kernels::index_add_cpu(kernel_args(args)); }
void run_blocked(const RunArgs& args) { kernels::index_add_cpu_blocked(kernel_args(args)); }
template <class>
void run_cuda(const RunArgs& args) {
  kernels::index_add_cuda(kernel_args(args), args.stream);
}
template <class>
bool takes(const KernelQuery& query) {
  return kernels::index_add_cuda_takes(query.in[0].dtype);
}

bool is_f32(const KernelQuery& query) { return query.in[0].dtype == DType::f32; }

std::vector<Value> grad(GradArgs& args) {
  const Value indices = args.in[1];
  Value rows = apply1("embedding", {indices, args.dout[0]});
  const int64_t padding =
      padding_row(args.attrs, args.attrs.integer("num_weights"), "embedding_backward");
  if (padding >= 0) {
    Shape column = indices.shape();
    column.push_back(1);
    const Value number = rows.graph().scalar(static_cast<double>(padding), indices.dtype());
    rows = where(reshape(apply1("eq", {indices, number}), column), zeros_like(rows), rows);
  }
  return {rows, Value()};
}

std::vector<Sample> samples() {
  const auto index = SampleInput::indices;
  return {{.inputs = {{.shape = {5, 3}}, index({5}, 4, DType::i64)}, .attrs = {{"num_weights", 4}}},
          {.inputs = {{.shape = {2, 7, 5}}, index({2, 7}, 9, DType::i32)},
           .attrs = {{"num_weights", 9}, {"padding_idx", 2}}},
          {.inputs = {{.shape = {9, 70}}, index({9}, 3, DType::i64)},
           .attrs = {{"num_weights", 3}, {"padding_idx", -1}}},
          {.inputs = {{.shape = {3}}, index({}, 4, DType::i64)}, .attrs = {{"num_weights", 4}}},
          {.inputs = {{.shape = {1, 1}}, index({1}, 1, DType::i64)}, .attrs = {{"num_weights", 1}}},
          {.inputs = {{.shape = {0, 3}}, index({0}, 4, DType::i64)}, .attrs = {{"num_weights", 4}}},
          {.inputs = {{.shape = {8, 256, 256}}, index({8, 256}, 8192, DType::i64)},
           .attrs = {{"num_weights", 8192}},
           .bench = true}};
}

}  // namespace

OpDef embedding_backward_op() {
  return {
      .name = "embedding_backward",
      .doc =
          "zeros (num_weights, width) with each row of grad_output added to the row that "
          "indices names, in order; those of padding_idx are left out",
      .inputs = {{"grad_output"}, {"indices", InputKind::required, false}},
      .attributes = {{"num_weights", AttrType::integer, {}, true},
                     {"padding_idx", AttrType::integer}},
      .infer = infer,
      .grad = grad,
      .cpu = {{"blocked", run_blocked, nullptr, is_f32}, {"reference", run}},
      .cuda = cuda_variants([](auto tag) {
        using Tag = decltype(tag);
        return std::vector<KernelVariant>{{"first_of_each", run_cuda<Tag>, nullptr, takes<Tag>}};
      }),
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{static_cast<double>(query.in[0].numel()), least_bytes(query)};
      }};
}

}  // namespace gradus
