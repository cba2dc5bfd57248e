// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/reduction.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec &dy = args.in[0], &x = args.in[1];
  const Shape wanted = reduced_shape(x.shape, reduced_dims(args.attrs, x.shape.rank(), args.op),
                                     args.attrs.boolean("keepdim"));
  GRADUS_CHECK(dy.dtype == x.dtype && dy.shape == wanted,
               "[{}] input 'grad_output', expected {}, got {}", args.op,
               to_string(TensorSpec{x.dtype, wanted}), to_string(dy));
  return {x};
}

void run(const RunArgs& args) {
  const TensorRef &dy = args.in[0], &x = args.in[1];
  kernels::prod_backward_cpu({x.dtype, dy.data, x.data, args.out[0].data, x.shape,
                              reduced_mask(args.attrs, x.shape.rank())});
}

// The reduced dims moved to the end and made one: (kept, reduced).
Value as_matrix(Value x, const std::vector<int>& dims) {
  std::vector<int64_t> order;
  int64_t kept = 1, reduced = 1;
  for (int d = 0; d < x.rank(); ++d) {
    if (std::ranges::find(dims, d) != dims.end()) continue;
    order.push_back(d);
    kept *= x.shape()[d];
  }
  for (int d : dims) {
    order.push_back(d);
    reduced *= x.shape()[d];
  }
  return reshape(order.empty() ? x : permute(x, order), {kept, reduced});
}

// The product of the other elements of each row of (kept, reduced), written so that it can be
// differentiated again: row r of a (reduced, reduced) block has a 1 in place of element r.
Value products_of_others(Value x) {
  const int64_t kept = x.shape()[0], reduced = x.shape()[1];
  Tensor eye = Tensor::zeros(DType::bool_, {reduced, reduced});
  for (int64_t r = 0; r < reduced; ++r) eye.data_as<uint8_t>()[r * reduced + r] = 1;
  const Value block = expand(reshape(x, {kept, 1, reduced}), {kept, reduced, reduced});
  return apply1("prod", {where(x.graph().constant(eye), ones_like(block), block)}, {{"dim", -1}});
}

// out = dy * others(x), with others' derivative taken from its differentiable form.
std::vector<Value> grad(GradArgs& args) {
  const Value dy = args.in[0], x = args.in[1], g = args.dout[0];
  const std::vector<int> dims = reduced_dims(args.attrs, x.rank(), "prod_backward");
  const Value rows = reshape(dy, reduced_shape(x.shape(), dims, true));
  std::vector<Value> result(2);
  if (args.wants(0)) {
    const Value others =
        apply1("prod_backward", {ones_like(dy), x},
               {{"dim", args.attrs.find("dim")}, {"keepdim", args.attrs.boolean("keepdim")}});
    const std::vector<int64_t> over(dims.begin(), dims.end());
    const Value total = over.empty() ? g * others : sum(g * others, over, true);
    result[0] = reshape(total, dy.shape());
  }
  if (args.wants(1)) {
    const Value seed = as_matrix(g * expand(rows, x.shape()), dims);
    result[1] = gradients(products_of_others(as_matrix(x, dims)), std::span(&x, 1), seed)[0];
  }
  return result;
}

std::vector<Sample> samples() {
  const auto sample = [](const Shape& dy, const Shape& x, AttrList attrs) {
    return Sample{.inputs = {{.shape = dy}, {.shape = x, .lo = 0.5, .hi = 1.5}},
                  .attrs = std::move(attrs)};
  };
  std::vector<Sample> list{
      sample({}, {3, 4}, {}),
      sample({3}, {3, 4}, {{"dim", 1}}),
      sample({2, 1, 3}, {2, 5, 3}, {{"dim", 1}, {"keepdim", true}}),
      sample({5}, {2, 5, 3}, {{"dim", AttrValue::Integers{0, 2}}}),
      sample({}, {}, {}),
      sample({1}, {1, 1}, {{"dim", 0}}),
      sample({0}, {0, 3}, {{"dim", 1}}),
      sample({}, {3, 0}, {}),
      {.inputs = {{.shape = {3}}, {.shape = {3, 3}, .fill = Fill::integers, .lo = 0, .hi = 2}},
       .attrs = {{"dim", 1}}},
  };
  list.push_back(sample({1024}, {1024, 256}, {{"dim", 1}}));
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef prod_backward_op() {
  return {.name = "prod_backward",
          .doc =
              "grad_output times the product of the other elements over dim: the gradient of prod; "
              "its own gradient takes memory quadratic in the reduced size",
          .inputs = {{"grad_output"}, {"input"}},
          .attributes = reduction_attributes(),
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{4.0 * static_cast<double>(query.in[1].numel()), least_bytes(query)};
          }};
}

}  // namespace gradus
