// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double max_norm = attrs.real("max_norm");
  GRADUS_CHECK(max_norm >= 0.0,
               "[clip_grad_norm] attribute 'max_norm', expected at least 0, got {}", max_norm);
  const Value norm = apply1("global_norm", {in.begin(), in.end()});
  const Value factor = clamp(max_norm / (norm + 1e-6), {{"max", 1.0}});
  std::vector<Value> result{norm};
  for (const Value& x : in) result.push_back(x * cast(factor, x.dtype()));
  return result;
}

std::vector<Sample> samples() {
  return {
      {.inputs = {{.shape = {3, 5}}, {.shape = {7}}}, .attrs = {{"max_norm", 1.0}}},
      {.inputs = {{.shape = {2, 3}}}, .attrs = {{"max_norm", 100.0}}},
      {.inputs = {{.shape = {}}, {.shape = {0, 4}}, {.shape = {1}}}, .attrs = {{"max_norm", 0.1}}},
      {.inputs = {{.shape = {1}}}, .attrs = {{"max_norm", 0.01}}},
      {.inputs = {{.shape = {0}}}, .attrs = {{"max_norm", 2.0}}},
      {.inputs = {{.shape = {1 << 20}}}, .attrs = {{"max_norm", 1.0}}, .bench = true}};
}

}  // namespace

OpDef clip_grad_norm_op() {
  return {.name = "clip_grad_norm",
          .doc =
              "the norm over all tensors, then each times min(1, max_norm / (norm + 1e-6)): their "
              "joint norm is at most max_norm; below it they stay bit for bit",
          .inputs = {{"tensors", InputKind::variadic}},
          .outputs = {"total_norm", "output..."},
          .attributes = {{"max_norm", AttrType::real, {}, true}},
          .composite = composite,
          .autocast = AutocastClass::full_precision,
          .samples = samples};
}

}  // namespace gradus
