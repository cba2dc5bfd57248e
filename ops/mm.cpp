// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/matmul_support.h"
#include "ops/op_list.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs&) {
  const Value a = in[0], b = in[1];
  GRADUS_CHECK(a.rank() == 2 && b.rank() == 2, "[mm] expected two matrices, got {} and {}",
               to_string(a.shape()), to_string(b.shape()));
  (void)product_spec(a.spec(), b.spec(), false, false, "mm");
  return {gemm(a, b)};
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {3, 5}}, {.shape = {5, 2}}}},
          {.inputs = {{.shape = {1, 1}}, {.shape = {1, 1}}}},
          {.inputs = {{.shape = {0, 3}}, {.shape = {3, 4}}}},
          {.inputs = {{.shape = {512, 512}}, {.shape = {512, 512}}}, .bench = true}};
}

}  // namespace

OpDef mm_op() {
  return {.name = "mm",
          .doc = "product of two matrices; matmul without broadcasting",
          .inputs = {{"input"}, {"mat2"}},
          .dtypes = number_types,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
