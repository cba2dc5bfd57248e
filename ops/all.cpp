// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/reduction.h"

namespace gradus {
namespace {

std::vector<Sample> samples() {
  std::vector<Sample> list =
      reduction_samples({.fill = Fill::integers, .lo = 0, .hi = 2, .more = {{}}});
  for (DType dtype : {DType::bool_, DType::u8, DType::i64})
    list.push_back(
        {.inputs = {{.shape = {5, 3}, .dtype = dtype, .fill = Fill::integers, .lo = 0, .hi = 2}},
         .attrs = {{"dim", 1}}});
  list.push_back({.inputs = {{.shape = {2, 3}}}, .attrs = {{"dim", AttrValue::Integers{}}}});
  return list;
}

}  // namespace

OpDef all_op() {
  return {.name = "all",
          .doc =
              "over dim (all dims when none; element by element when empty): no element is 0; true "
              "where nothing is reduced",
          .inputs = {{"input", InputKind::required, false}},
          .attributes = reduction_attributes(),
          .dtypes = all_types,
          .infer = infer_truth,
          .no_grad = "piecewise constant",
          .cpu = {{"reference", run_truth<kernels::Reduction::all>}},
          .cuda = reduction_cuda_variants<kernels::Reduction::all>(),
          .samples = samples,
          .cost = reduction_cost};
}

}  // namespace gradus
