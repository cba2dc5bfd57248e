// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "engine/base/dtype.h"
#include "engine/base/error.h"
#include "engine/base/half.h"

namespace gradus {

template <class T>
struct TypeTag {
  using type = T;
};

// The two floating types kernels compute in. `f` is called as f(TypeTag<T>{}); reduced floats never
// reach a CPU kernel that uses this: the executor converts around it (OpDef::half).
template <class F>
decltype(auto) dispatch_float(DType dtype, F&& f) {
  if (dtype == DType::f64) return std::forward<F>(f)(TypeTag<double>{});
  GRADUS_ASSERT(dtype == DType::f32, "a kernel for f32 and f64 was called with {}",
                dtype_name(dtype));
  return std::forward<F>(f)(TypeTag<float>{});
}

// Every type that has whole bytes, as the C++ type that stores it (bool as uint8_t).
template <class F>
decltype(auto) dispatch_stored(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f64:
      return std::forward<F>(f)(TypeTag<double>{});
    case DType::f32:
      return std::forward<F>(f)(TypeTag<float>{});
    case DType::f16:
      return std::forward<F>(f)(TypeTag<f16>{});
    case DType::bf16:
      return std::forward<F>(f)(TypeTag<bf16>{});
    case DType::i64:
      return std::forward<F>(f)(TypeTag<int64_t>{});
    case DType::i32:
      return std::forward<F>(f)(TypeTag<int32_t>{});
    case DType::i16:
      return std::forward<F>(f)(TypeTag<int16_t>{});
    case DType::i8:
      return std::forward<F>(f)(TypeTag<int8_t>{});
    case DType::u64:
      return std::forward<F>(f)(TypeTag<uint64_t>{});
    case DType::u32:
      return std::forward<F>(f)(TypeTag<uint32_t>{});
    case DType::u16:
      return std::forward<F>(f)(TypeTag<uint16_t>{});
    case DType::u8:
      return std::forward<F>(f)(TypeTag<uint8_t>{});
    case DType::bool_:
      return std::forward<F>(f)(TypeTag<uint8_t>{});
    case DType::f8e4m3:
      return std::forward<F>(f)(TypeTag<f8e4m3>{});
    case DType::f8e5m2:
      return std::forward<F>(f)(TypeTag<f8e5m2>{});
    default:
      break;
  }
  failf(ErrorKind::unsupported, "", "{} is for storage and cast only", dtype_name(dtype));
}

}  // namespace gradus
