// SPDX-License-Identifier: Apache-2.0
// Loads and stores of several elements by one instruction.
#pragma once

#include <cstddef>

#include "kernels/common/cuda.h"

namespace gradus::kernels {

// N consecutive elements, aligned to their size: 1 to 16 bytes, a power of two.
template <class T, int N>
struct alignas(sizeof(T) * N) Vector {
  T at[N];
};

// Elements of T in the widest access.
template <class T>
inline constexpr int widest = 16 / static_cast<int>(sizeof(T));

#if defined(__CUDACC__)

namespace detail {
template <int Bytes>
struct Raw;
template <>
struct Raw<16> {
  using type = uint4;
};
template <>
struct Raw<8> {
  using type = uint2;
};
template <>
struct Raw<4> {
  using type = unsigned;
};
template <>
struct Raw<2> {
  using type = unsigned short;
};
template <>
struct Raw<1> {
  using type = unsigned char;
};
}  // namespace detail

template <int N, class T>
DEV Vector<T, N> load_vector(const T* from) {
  using R = typename detail::Raw<sizeof(T) * N>::type;
  Vector<T, N> value;
  *reinterpret_cast<R*>(&value) = *reinterpret_cast<const R*>(from);
  return value;
}

template <int N, class T>
DEV void store_vector(T* to, const Vector<T, N>& value) {
  using R = typename detail::Raw<sizeof(T) * N>::type;
  *reinterpret_cast<R*>(to) = *reinterpret_cast<const R*>(&value);
}

#else

template <int N, class T>
DEV Vector<T, N> load_vector(const T* from) {
  Vector<T, N> value;
  sim::load_vector(&value, from, sizeof(T) * N);
  return value;
}

template <int N, class T>
DEV void store_vector(T* to, const Vector<T, N>& value) {
  sim::store_vector(to, &value, sizeof(T) * N);
}

#endif

// Whether vectors of 16 bytes may start at every `stride`-th element of `pointer`. Host side.
template <class T>
inline bool vectors_fit(const void* pointer, int64_t stride) {
  return reinterpret_cast<uintptr_t>(pointer) % 16 == 0 && stride % widest<T> == 0;
}

}  // namespace gradus::kernels
