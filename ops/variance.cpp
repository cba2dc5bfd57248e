// SPDX-License-Identifier: Apache-2.0
#include "ops/variance.h"

#include <algorithm>

#include "engine/graph/grad_args.h"
#include "ops/ops.h"
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
  const Value x = args.in[0];
  const double freedom = reduced_count(args) - args.attrs.real("correction");
  const std::vector<int> dims = reduced_dims(args.attrs, x.rank(), "var");
  const Value center = dims.empty() ? x : mean(x, {dims.begin(), dims.end()}, true);
  return spread(args, dvar) * ((x - center) * (2.0 / std::max(freedom, 0.0)));
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
