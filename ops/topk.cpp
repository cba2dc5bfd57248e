// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/sort_family.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  Shape shape = args.in[0].shape;
  const int dim = normalize_dim(args.attrs.integer("dim"), shape.rank(), args.op);
  const int64_t size = shape.rank() ? shape[dim] : 1, k = args.attrs.integer("k");
  GRADUS_CHECK(k >= 0 && k <= size, "[topk] attribute 'k', expected 0 to {}, got {}", size, k);
  if (shape.rank() > 0) shape[dim] = k;  // of a scalar itself, even where k is 0, as PyTorch
  return {{args.in[0].dtype, shape}, {DType::i64, shape}};
}

std::vector<Sample> samples() {
  const auto sample = [](const Shape& shape, AttrList attrs) {
    return Sample{.inputs = {{.shape = shape, .fill = Fill::distinct, .lo = -3, .hi = 3}},
                  .attrs = std::move(attrs)};
  };
  std::vector<Sample> list{sample({3, 5}, {{"k", 2}}),
                           sample({5, 3}, {{"k", 4}, {"dim", 0}, {"largest", false}}),
                           sample({2, 7, 3}, {{"k", 7}, {"dim", 1}, {"sorted", false}}),
                           sample({}, {{"k", 1}}),
                           sample({}, {{"k", 0}}),
                           sample({1}, {{"k", 1}}),
                           sample({3, 4}, {{"k", 0}}),
                           sample({0, 3}, {{"k", 2}}),
                           sample({2, 67}, {{"k", 3}}),
                           sample({256, 32768}, {{"k", 50}})};
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef topk_op() {
  return {.name = "topk",
          .doc =
              "the k largest (or smallest) elements along dim, then their indices; NaN counts as "
              "the largest; in order whether `sorted` or not; of equal ones the first",
          .inputs = {{"input"}},
          .outputs = {"values", "indices"},
          .attributes = {{"k", AttrType::integer, {}, true},
                         {"dim", AttrType::integer, -1},
                         {"largest", AttrType::boolean, true},
                         {"sorted", AttrType::boolean, true}},
          .dtypes = number_types,
          .infer = infer,
          .grad = sort_gradient,
          .cpu = {{"reference",
                   [](const RunArgs& args) { run_sort(args, args.attrs.boolean("largest")); },
                   sort_workspace}},
          .samples = samples,
          .cost = sort_cost};
}

}  // namespace gradus
