// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/sort_family.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  (void)normalize_dim(args.attrs.integer("dim"), args.in[0].shape.rank(), args.op);
  return {args.in[0], {DType::i64, args.in[0].shape}};
}

std::vector<Sample> samples() {
  const auto sample = [](const Shape& shape, AttrList attrs) {
    return Sample{.inputs = {{.shape = shape, .fill = Fill::distinct, .lo = -3, .hi = 3}},
                  .attrs = std::move(attrs)};
  };
  std::vector<Sample> list{sample({3, 5}, {}),
                           sample({5, 3}, {{"dim", 0}, {"descending", true}}),
                           sample({2, 7, 3}, {{"dim", 1}, {"stable", true}}),
                           sample({}, {}),
                           sample({1}, {}),
                           sample({0, 3}, {{"dim", 0}}),
                           sample({2, 67}, {}),
                           sample({256, 4096}, {})};
  list.back().bench = true;
  list.push_back(
      {.inputs =
           {{.shape = {4, 9}, .dtype = DType::i64, .fill = Fill::integers, .lo = -3, .hi = 3}},
       .attrs = {{"descending", true}}});  // ties
  return list;
}

}  // namespace

OpDef sort_op() {
  return {.name = "sort",
          .doc =
              "the elements in order along dim, then their indices; NaN counts as the largest; "
              "equal elements keep their order whether `stable` or not",
          .inputs = {{"input"}},
          .outputs = {"values", "indices"},
          .attributes = {{"dim", AttrType::integer, -1},
                         {"descending", AttrType::boolean, false},
                         {"stable", AttrType::boolean, false}},
          .dtypes = all_types,
          .infer = infer,
          .grad = sort_gradient,
          .cpu = {{"reference",
                   [](const RunArgs& args) { run_sort(args, args.attrs.boolean("descending")); },
                   sort_workspace}},
          .samples = samples,
          .cost = sort_cost};
}

}  // namespace gradus
