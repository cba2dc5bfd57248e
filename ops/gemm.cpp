// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "kernels/matmul.h"
#include "ops/cuda_variants.h"
#include "ops/matmul_support.h"
#include "ops/onednn_variant.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

struct Transposes {
  bool a, b;
};

Transposes transposes(const Attrs& attrs) {
  return {attrs.boolean("transpose_a"), attrs.boolean("transpose_b")};
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const Transposes t = transposes(args.attrs);
  return {product_spec(args.in[0], args.in[1], t.a, t.b, args.op)};
}

template <class Call>
kernels::MatmulArgs kernel_args(const Call& call) {
  const Transposes t = transposes(call.attrs);
  return product_args(call.in[0].dtype, call.in[0].shape, call.in[1].shape, t.a, t.b);
}

kernels::MatmulArgs bound_args(const RunArgs& run) {
  kernels::MatmulArgs args = kernel_args(run);
  args.a = run.in[0].data;
  args.b = run.in[1].data;
  args.c = run.out[0].data;
  return args;
}

void run_packed(const RunArgs& run) { kernels::matmul_cpu_packed(bound_args(run), run.workspace); }
void run_reference(const RunArgs& run) { kernels::matmul_cpu_reference(bound_args(run)); }
template <class>
void run_cuda(const RunArgs& run) {
  kernels::matmul_cuda(bound_args(run), run.stream);
}

int64_t packed_workspace(const KernelQuery& query) {
  return kernels::matmul_packed_workspace(kernel_args(query));
}

bool is_float(const KernelQuery& query) { return is_floating(query.in[0].dtype); }

// The leading dims as rows: (..., r, c) -> (rows, c).
Value flatten_rows(Value x) {
  return reshape(x, {x.shape().product(0, x.rank() - 1), x.shape()[x.rank() - 1]});
}

// Where one matrix b serves every row of a batched a, its gradient is one product over all rows
// rather than a sum of as many products.
bool is_shared_matrix(const GradArgs& args, bool transpose_a) {
  const Value a = args.in[0], b = args.in[1];
  return !transpose_a && a.rank() > 2 && b.shape().product(0, b.rank() - 2) == 1;
}

std::vector<Value> grad(GradArgs& args) {
  const Transposes t = transposes(args.attrs);
  const Value a = args.in[0], b = args.in[1], dc = args.dout[0];
  std::vector<Value> result(2);
  if (args.wants(0))
    result[0] = sum_to(t.a ? gemm(b, dc, t.b, true) : gemm(dc, b, false, !t.b), a.shape());
  if (!args.wants(1)) return result;
  if (is_shared_matrix(args, t.a)) {
    const Value rows = flatten_rows(a), d_rows = flatten_rows(dc);
    const Value db = t.b ? gemm(d_rows, rows, true) : gemm(rows, d_rows, true);
    result[1] = reshape(db, b.shape());
  } else {
    result[1] = sum_to(t.b ? gemm(dc, a, true, t.a) : gemm(a, dc, !t.a), b.shape());
  }
  return result;
}

std::vector<Sample> samples() {
  const auto both = [](bool a, bool b) { return AttrList{{"transpose_a", a}, {"transpose_b", b}}; };
  const SampleInput whole{
      .shape = {3, 4}, .dtype = DType::i32, .fill = Fill::integers, .lo = -9, .hi = 9};
  const SampleInput whole_other{
      .shape = {4, 2}, .dtype = DType::i32, .fill = Fill::integers, .lo = -9, .hi = 9};
  return {{.inputs = {{.shape = {3, 5}}, {.shape = {5, 7}}}},
          {.inputs = {{.shape = {5, 3}}, {.shape = {5, 7}}}, .attrs = both(true, false)},
          {.inputs = {{.shape = {3, 5}}, {.shape = {7, 5}}}, .attrs = both(false, true)},
          {.inputs = {{.shape = {5, 3}}, {.shape = {7, 5}}}, .attrs = both(true, true)},
          {.inputs = {{.shape = {2, 3, 4}}, {.shape = {4, 5}}}},
          {.inputs = {{.shape = {2, 3, 4}}, {.shape = {1, 5, 4}}}, .attrs = both(false, true)},
          {.inputs = {{.shape = {2, 4, 3}}, {.shape = {4, 5}}}, .attrs = both(true, false)},
          {.inputs = {{.shape = {3, 4}}, {.shape = {2, 4, 5}}}},
          {.inputs = {{.shape = {2, 1, 3, 4}}, {.shape = {3, 4, 2}}}},
          {.inputs = {{.shape = {1, 3, 4}}, {.shape = {2, 2, 5, 4}}}, .attrs = both(false, true)},
          {.inputs = {{.shape = {1, 1}}, {.shape = {1, 1}}}},
          {.inputs = {{.shape = {3, 0}}, {.shape = {0, 4}}}},
          {.inputs = {{.shape = {0, 3}}, {.shape = {3, 4}}}},
          {.inputs = {{.shape = {2, 0, 3}}, {.shape = {3, 4}}}},
          {.inputs = {whole, whole_other}},
          {.inputs = {{.shape = {37, 300}}, {.shape = {300, 33}}}, .grad = false, .second = false},
          {.inputs = {{.shape = {1024, 1024}}, {.shape = {1024, 1024}}}, .bench = true},
          {.inputs = {{.shape = {2048, 256}}, {.shape = {1024, 256}}},
           .attrs = both(false, true),
           .bench = true},
          {.inputs = {{.shape = {64, 128, 64}}, {.shape = {64, 64, 128}}}, .bench = true}};
}

Cost cost(const KernelQuery& query) {
  return {product_flops(kernel_args(query)), least_bytes(query)};
}

}  // namespace

OpDef gemm_op() {
  return {.name = "gemm",
          .doc =
              "op(input) op(other) over the last two dims, where op transposes if its attribute "
              "says so; leading dims broadcast. matmul and the gradients of products are made "
              "of it, so that no transposed copy is ever stored",
          .inputs = {{"input"}, {"other"}},
          .attributes = {{"transpose_a", AttrType::boolean, false},
                         {"transpose_b", AttrType::boolean, false}},
          .dtypes = number_types,
          .infer = infer,
          .grad = grad,
          .cpu = with_onednn<bound_args>(
              {{"packed", run_packed, packed_workspace, is_float}, {"reference", run_reference}}),
          .cuda = cuda_variants([](auto tag) {
            return std::vector<KernelVariant>{
                {"tiled", run_cuda<decltype(tag)>, nullptr, computes_floats}};
          }),
          .autocast = AutocastClass::low_precision,
          .samples = samples,
          .cost = cost};
}

}  // namespace gradus
