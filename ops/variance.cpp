// SPDX-License-Identifier: Apache-2.0
#include "ops/variance.h"

#include <limits>

#include "engine/graph/grad_args.h"
#include "ops/ops.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {

std::vector<AttrSpec> variance_attributes() {
  return {{"dim", AttrType::integers},
          {"correction", AttrType::real, 1.0},
          {"keepdim", AttrType::boolean, false}};
}

std::vector<TensorSpec> infer_variance(const InferArgs& args) {
  return {{args.in[0].dtype, reduced_shape(args)}};
}

Value variance_gradient(const GradArgs& args, Value dvar) {
  const Value x = widened(args.in[0]);
  const auto narrowed = [&](Value gradient) { return cast(gradient, args.in[0].dtype()); };
  const double freedom = reduced_count(args) - args.attrs.real("correction");
  const std::vector<int> dims = reduced_dims(args.attrs, x.rank(), "var");
  const Value center = dims.empty() ? x : mean(x, {dims.begin(), dims.end()}, true);
  // Without a degree of freedom PyTorch has infinities (NaN at the mean), or with named dims what
  // the formula gives for a negative count.
  if (freedom > 0 || (args.attrs.has("dim") && x.rank() > 0))
    return narrowed(spread(args, dvar) * ((x - center) * (2.0 / freedom)));
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto constant = [&](double value) { return x.graph().scalar(value, x.dtype()); };
  return narrowed(spread(args, dvar) * where(eq(x, center), constant(nan), constant(infinity)));
}

std::vector<Sample> variance_samples() {
  std::vector<Sample> list =
      reduction_samples({.fill = Fill::distinct,
                         .lo = -2,
                         .hi = 2,
                         .empty = false,
                         .more = {{},
                                  {{"dim", 1}, {"correction", 0}},
                                  {{"dim", 0}, {"correction", 2.5}, {"keepdim", true}}}});
  for (Sample& sample : list)  // one element has no variance under the default
    if (sample.inputs[0].shape.numel() == 1) sample.attrs.emplace_back("correction", 0);
  return list;
}

}  // namespace gradus
