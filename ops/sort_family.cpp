// SPDX-License-Identifier: Apache-2.0
#include "ops/sort_family.h"

#include <cmath>

#include "kernels/sort.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {

void run_sort(const RunArgs& args, bool descending) {
  const TensorRef &x = args.in[0], &values = args.out[0];
  const int64_t dim = args.attrs.integer("dim");
  const DimSplit split = split_at(x.shape, dim, "sort");
  kernels::sort_cpu({x.dtype, x.data, values.data, args.out[1].as<int64_t>(), split.outer,
                     split.dim, split.inner, split_at(values.shape, dim, "sort").dim, descending,
                     args.workspace});
}

int64_t sort_workspace(const KernelQuery& query) {
  return kernels::sort_workspace(query.in[0].numel());
}

std::vector<Value> sort_gradient(GradArgs& args) {
  const Value x = args.in[0];
  if (!args.dout[0]) return {Value()};
  if (x.rank() == 0) return {args.dout[0]};
  return {apply1("scatter_add", {zeros_like(x), args.out[1], args.dout[0]},
                 {{"dim", args.attrs.integer("dim")}})};
}

Cost sort_cost(const KernelQuery& query) {
  const double count = static_cast<double>(query.in[0].numel());
  return {count * std::log2(count + 2), least_bytes(query)};
}

}  // namespace gradus
