// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/reduction.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const double p = args.attrs.real("p");
  GRADUS_CHECK(!std::isnan(p), "[norm] attribute 'p', expected a number or inf, got nan");
  const bool extreme = p < 0 || std::isinf(p);
  return {{args.in[0].dtype, extreme ? reduced_shape_not_empty(args) : reduced_shape(args)}};
}

void run(const RunArgs& args) {
  kernels::reduce_cpu(reduce_args(args, kernels::Reduction::norm, args.attrs.real("p")));
}

Value signed_like(Value size, Value x) {
  return where(x > 0.0, size, where(x < 0.0, -size, zeros_like(size)));
}

// dy / norm^(p - 1), 0 where the norm is 0.
Value slope(const GradArgs& args, double p) {
  const Value out = args.out[0], dy = args.dout[0];
  const Value zero = eq(out, zeros_like(out));
  const Value safe = where(zero, ones_like(out), out);
  const Value power = p == 2 ? safe : pow(safe, out.graph().scalar(p - 1, out.dtype()));
  return spread(args, where(zero, zeros_like(dy), dy / power));
}

std::vector<Value> grad(GradArgs& args) {
  const Value x = args.in[0];
  const double p = args.attrs.real("p");
  if (p == 0) return {zeros_like(x)};
  if (p == 1) return {signed_like(spread(args, args.dout[0]), x)};
  if (p == 2) return {x * slope(args, p)};
  if (std::isinf(p)) {
    const Value largest = spread(args, args.out[0]);  // NaN where one is
    const Value wins = cast(logical_or(eq(abs(x), largest), logical_not(eq(x, x))), x.dtype());
    return {signed_like(wins * spread(args, args.dout[0]) / sum_kept(args, wins), x)};
  }
  const Value zero = eq(x, zeros_like(x));
  const Value size = pow(where(zero, ones_like(x), abs(x)), x.graph().scalar(p - 1, x.dtype()));
  return {signed_like(size, x) * slope(args, p)};
}

std::vector<Sample> samples() {
  const double infinity = std::numeric_limits<double>::infinity();
  return reduction_samples({.fill = Fill::distinct,
                            .lo = -2,
                            .hi = 2.1,
                            .more = {{},
                                     {{"dim", 1}, {"p", 1}},
                                     {{"dim", 0}, {"p", 3}, {"keepdim", true}},
                                     {{"dim", 0}, {"p", 1.5}},
                                     {{"dim", 1}, {"p", 0.5}},
                                     {{"dim", 1}, {"p", 0}},
                                     {{"dim", 1}, {"p", -1}},
                                     {{"dim", 1}, {"p", infinity}},
                                     {{"dim", 1}, {"p", -infinity}}}});
}

}  // namespace

OpDef norm_op() {
  return {.name = "norm",
          .doc =
              "sum(|x|^p)^(1/p) over dim (all dims when none); p = 0 counts what is not 0, "
              "p = inf and -inf are the extremes of |x|",
          .inputs = {{"input"}},
          .attributes = {{"p", AttrType::real, 2.0},
                         {"dim", AttrType::integers},
                         {"keepdim", AttrType::boolean, false}},
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .samples = samples,
          .cost = reduction_cost};
}

}  // namespace gradus
