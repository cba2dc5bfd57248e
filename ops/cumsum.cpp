// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/cumulative_sum.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  (void)normalize_dim(args.attrs.integer("dim"), args.in[0].shape.rank(), args.op);
  DType dtype = is_floating(args.in[0].dtype) ? args.in[0].dtype : DType::i64;
  if (args.attrs.has("dtype")) dtype = args.attrs.dtype("dtype");
  GRADUS_CHECK(contains(number_types, dtype), "[cumsum] does not compute in {}", dtype_name(dtype));
  return {{dtype, args.in[0].shape}};
}

void run(const RunArgs& args) {
  const TensorRef &x = args.in[0], &y = args.out[0];
  const DimSplit split = split_at(x.shape, args.attrs.integer("dim"), "cumsum");
  kernels::cumulative_sum_cpu({x.dtype, x.data, y.dtype, y.data, split.outer, split.dim,
                               split.inner, args.attrs.boolean("reverse")});
}

// An element counts in all that follow it.
std::vector<Value> grad(GradArgs& args) {
  return {
      apply1("cumsum", {cast(args.dout[0], args.in[0].dtype())},
             {{"dim", args.attrs.integer("dim")}, {"reverse", !args.attrs.boolean("reverse")}})};
}

std::vector<Sample> samples() {
  const auto sample = [](const Shape& shape, AttrList attrs) {
    return Sample{.inputs = {{.shape = shape}}, .attrs = std::move(attrs)};
  };
  std::vector<Sample> list{sample({3, 5}, {{"dim", 1}}),
                           sample({2, 5, 3}, {{"dim", 1}, {"reverse", true}}),
                           sample({4, 3}, {{"dim", 0}, {"dtype", DType::f64}}),
                           sample({}, {{"dim", 0}}),
                           sample({1}, {{"dim", 0}}),
                           sample({0, 3}, {{"dim", 0}}),
                           sample({67}, {{"dim", -1}}),
                           sample({1024, 1024}, {{"dim", -1}})};
  list.back().bench = true;
  list.push_back(
      {.inputs = {{.shape = {7}, .dtype = DType::bool_, .fill = Fill::integers, .lo = 0, .hi = 2}},
       .attrs = {{"dim", 0}}});
  return list;
}

}  // namespace

OpDef cumsum_op() {
  return {.name = "cumsum",
          .doc =
              "the sum of the elements up to each along dim (reverse: from each on); integers "
              "and bool give i64",
          .inputs = {{"input"}},
          .attributes = {{"dim", AttrType::integer, {}, true},
                         {"dtype", AttrType::dtype},
                         {"reverse", AttrType::boolean, false}},
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{static_cast<double>(query.in[0].numel()), least_bytes(query)};
          }};
}

}  // namespace gradus
