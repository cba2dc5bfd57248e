// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/matmul_support.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs&) {
  const Value a = in[0], b = in[1];
  GRADUS_CHECK(a.rank() >= 1 && b.rank() >= 1,
               "[matmul] operands of rank 1 or more expected, got {} and {}", to_string(a.shape()),
               to_string(b.shape()));
  const Value left = a.rank() == 1 ? unsqueeze(a, 0) : a;
  const Value right = b.rank() == 1 ? unsqueeze(b, 1) : b;
  (void)product_spec(left.spec(), right.spec(), false, false, "matmul");
  const Value product = gemm(left, right);
  Shape shape = product.shape();
  if (b.rank() == 1) shape.erase(shape.rank() - 1);
  if (a.rank() == 1) shape.erase(b.rank() == 1 ? shape.rank() - 1 : shape.rank() - 2);
  return {reshape(product, shape)};
}

std::vector<Sample> samples() {
  const auto pair = [](const Shape& a, const Shape& b) {
    return Sample{.inputs = {{.shape = a}, {.shape = b}}};
  };
  std::vector<Sample> list = {pair({5}, {5}),          pair({5}, {5, 3}),
                              pair({3, 5}, {5}),       pair({2, 3, 5}, {5}),
                              pair({5}, {2, 5, 3}),    pair({3, 5}, {5, 7}),
                              pair({2, 3, 4}, {4, 5}), pair({2, 1, 3, 4}, {3, 4, 2}),
                              pair({3, 4}, {2, 4, 3}), pair({1, 1}, {1, 1}),
                              pair({3, 0}, {0, 4}),    pair({0, 3, 2}, {2, 4}),
                              pair({0}, {0})};
  list.push_back(
      {.inputs = {{.shape = {3, 4}, .dtype = DType::i64, .fill = Fill::integers, .lo = -9, .hi = 9},
                  {.shape = {4}, .dtype = DType::i64, .fill = Fill::integers, .lo = -9, .hi = 9}}});
  list.push_back({.inputs = {{.shape = {512, 512}}, {.shape = {512, 512}}}, .bench = true});
  return list;
}

}  // namespace

OpDef matmul_op() {
  return {.name = "matmul",
          .doc =
              "matrix product over the last two dims, leading dims broadcast; a rank 1 operand "
              "is a row (input) or a column (other) whose dim is dropped from the result",
          .inputs = {{"input"}, {"other"}},
          .dtypes = number_types,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
