// SPDX-License-Identifier: Apache-2.0
#include "engine/tensor/finite.h"

namespace gradus {
namespace {

// A float is NaN or infinite where all bits of its exponent are set.
template <class Word>
bool none_has(const Tensor& tensor, Word exponent) {
  const Word* words = tensor.data_as<const Word>();
  const int64_t count = tensor.numel();
  constexpr int64_t piece = 4096;
  for (int64_t begin = 0; begin < count; begin += piece) {
    const int64_t end = begin + piece < count ? begin + piece : count;
    bool found = false;
    for (int64_t i = begin; i < end; ++i)
      found |= static_cast<Word>(words[i] & exponent) == exponent;
    if (found) return false;
  }
  return true;
}

}  // namespace

bool all_finite(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::f64:
      return none_has<uint64_t>(tensor, 0x7ff0000000000000u);
    case DType::f32:
      return none_has<uint32_t>(tensor, 0x7f800000u);
    case DType::f16:
      return none_has<uint16_t>(tensor, 0x7c00u);
    case DType::bf16:
      return none_has<uint16_t>(tensor, 0x7f80u);
    default:
      return true;
  }
}

}  // namespace gradus
