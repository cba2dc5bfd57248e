// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/matmul_support.h"
#include "ops/op_list.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs&) {
  const Value a = in[0], b = in[1];
  GRADUS_CHECK(a.rank() == 3 && b.rank() == 3 && a.shape()[0] == b.shape()[0],
               "[bmm] expected two batches of rank 3 and equal length, got {} and {}",
               to_string(a.shape()), to_string(b.shape()));
  (void)product_spec(a.spec(), b.spec(), false, false, "bmm");
  return {gemm(a, b)};
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {2, 3, 5}}, {.shape = {2, 5, 3}}}},
          {.inputs = {{.shape = {1, 1, 1}}, {.shape = {1, 1, 1}}}},
          {.inputs = {{.shape = {0, 3, 2}}, {.shape = {0, 2, 4}}}},
          {.inputs = {{.shape = {16, 128, 128}}, {.shape = {16, 128, 128}}}, .bench = true}};
}

}  // namespace

OpDef bmm_op() {
  return {.name = "bmm",
          .doc = "product of two equally long batches of matrices; matmul without broadcasting",
          .inputs = {{"input"}, {"mat2"}},
          .dtypes = number_types,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
