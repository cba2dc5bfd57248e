// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/index_select.h"
#include "ops/cuda_variants.h"
#include "ops/embedding_padding.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {

int64_t padding_row(const Attrs& attrs, int64_t rows, std::string_view op) {
  if (!attrs.has("padding_idx")) return -1;
  const int64_t row = attrs.integer("padding_idx");
  GRADUS_CHECK(row >= -rows && row < rows,
               "[{}] attribute 'padding_idx', expected {} to {}, got {}", op, -rows, rows - 1, row);
  return row < 0 ? row + rows : row;
}

namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& weight = args.in[1];
  GRADUS_CHECK(weight.shape.rank() == 2 && contains(all_types, weight.dtype),
               "[embedding] input 1 ('weight'), expected a matrix (rows, width), got {}",
               to_string(weight));
  (void)padding_row(args.attrs, weight.shape[0], args.op);
  TensorSpec out{weight.dtype, args.in[0].shape};
  out.shape.push_back(weight.shape[1]);
  (void)out.bytes();
  return {out};
}

kernels::IndexSelectArgs bind(const RunArgs& args) {
  const TensorRef &indices = args.in[0], &weight = args.in[1];
  return {"embedding",
          weight.data,
          index_array(indices),
          args.out[0].data,
          1,
          weight.shape[0],
          weight.shape[1] * element_bytes(weight.dtype),
          indices.numel()};
}

void run(const RunArgs& args) { kernels::index_select_cpu(bind(args)); }
template <class>
void run_cuda(const RunArgs& args) {
  kernels::index_select_cuda(bind(args), args.stream);
}

// dy with each row divided by how often its index occurs.
Value by_frequency(Value dy, Value indices, Value weight) {
  Graph& graph = dy.graph();
  const int64_t count = indices.spec().numel();
  const Value flat = reshape(indices, {count});
  const Value zeros = graph.full({weight.shape()[0]}, 0.0, dy.dtype());
  const Value ones = graph.full({count}, 1.0, dy.dtype());
  const Value counts = apply1("index_add", {zeros, flat, ones}, {{"dim", 0}});
  Shape column = indices.shape();
  column.push_back(1);
  return dy / reshape(apply1("index_select", {counts, flat}, {{"dim", 0}}), column);
}

std::vector<Value> grad(GradArgs& args) {
  const Value indices = args.in[0], weight = args.in[1];
  Value dy = args.dout[0];
  if (args.attrs.boolean("scale_grad_by_freq")) dy = by_frequency(dy, indices, weight);
  return {Value(), apply1("embedding_backward", {dy, indices},
                          {{"num_weights", weight.shape()[0]},
                           {"padding_idx", args.attrs.find("padding_idx")}})};
}

// With padding_idx or scale_grad_by_freq the gradient is not the derivative, by definition.
std::vector<Sample> samples() {
  const auto index = SampleInput::indices;
  return {{.inputs = {index({5}, 4, DType::i64), {.shape = {4, 3}}}},
          {.inputs = {index({2, 7}, 9, DType::i32), {.shape = {9, 5}}}},
          {.inputs = {index({6}, 3, DType::i64), {.shape = {3, 2}}},
           .attrs = {{"padding_idx", 1}},
           .grad = false},
          {.inputs = {index({6}, 3, DType::i64), {.shape = {3, 2}}},
           .attrs = {{"padding_idx", -1}, {"scale_grad_by_freq", true}},
           .grad = false},
          {.inputs = {index({}, 4, DType::i64), {.shape = {4, 3}}}},
          {.inputs = {index({1}, 1, DType::i64), {.shape = {1, 1}}}},
          {.inputs = {index({0, 2}, 4, DType::i64), {.shape = {4, 3}}}},
          {.inputs = {index({8, 256}, 8192, DType::i64), {.shape = {8192, 256}}}, .bench = true}};
}

}  // namespace

OpDef embedding_op() {
  return {.name = "embedding",
          .doc =
              "weight[input]: (...) indices to (..., width); the row padding_idx gets no gradient; "
              "scale_grad_by_freq divides a row's gradient by its count in input",
          .inputs = {{"input", InputKind::required, false}, {"weight"}},
          .attributes = {{"padding_idx", AttrType::integer},
                         {"scale_grad_by_freq", AttrType::boolean, false}},
          .dtypes = dtype_set({DType::i64, DType::i32}),
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .cuda = cuda_variants([](auto tag) {
            return std::vector<KernelVariant>{{"pieces", run_cuda<decltype(tag)>}};
          }),
          .half = HalfPolicy::native,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{0, static_cast<double>(query.in[0].bytes()) +
                               2.0 * static_cast<double>(query.out[0].bytes())};
          }};
}

}  // namespace gradus
