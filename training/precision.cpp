// SPDX-License-Identifier: Apache-2.0
#include "training/precision.h"

namespace gradus {

Precision precision_of(const Recipe& recipe) {
  const DType named = *parse_dtype(recipe.text("precision"));
  if (named == DType::f16 || named == DType::bf16) return {DType::f32, named};
  return {named, {}};
}

}  // namespace gradus
