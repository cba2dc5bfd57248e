// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "models/layers/layer.h"
#include "ops/ops.h"

namespace gradus {

Value document_mask(Value positions) {
  GRADUS_CHECK(positions.rank() == 2, "[document_mask] positions, expected (batch, seq), got {}",
               to_string(positions.shape()));
  const int64_t batch = positions.shape()[0], seq = positions.shape()[1];
  const Value begins = cast(eq(positions, zero(positions)), DType::i64);
  const Value number = apply1("cumsum", {begins}, {{"dim", 1}});  // of each token's document
  const Value same = eq(reshape(number, {batch, 1, seq, 1}), reshape(number, {batch, 1, 1, seq}));
  return apply1("tril", {same});  // (batch, 1, seq, seq)
}

}  // namespace gradus
