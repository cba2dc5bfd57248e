// SPDX-License-Identifier: Apache-2.0
// The f32 tile functions of kernels/elementwise.inc on VectorMath, included by pointwise_avx2.cpp
// and pointwise_avx512.cpp. Everything is local to the including file.
#pragma once

#include "kernels/cpu/pointwise_program.h"
#include "kernels/cpu/vector_math.h"

namespace gradus::kernels {
namespace {

template <class T, class F>
inline void for_each(const void* x, const void* y, const void* z, void* out, int64_t count, F f) {
  const T* xs = static_cast<const T*>(x);
  const T* ys = y ? static_cast<const T*>(y) : xs;
  const T* zs = z ? static_cast<const T*>(z) : xs;
  T* outs = static_cast<T*>(out);
  // out may be x, y or z, which no iteration but its own reads.
#pragma GCC ivdep
  for (int64_t i = 0; i < count; ++i) outs[i] = f(xs[i], ys[i], zs[i]);
}

// Null where the expression needs a function that VectorMath has not.
#define GRADUS_TILE(name, expression)                                                            \
  template <class T, class M>                                                                    \
  TileFunction tile_##name() {                                                                   \
    if constexpr (requires([[maybe_unused]] T x, [[maybe_unused]] T y, [[maybe_unused]] T z,     \
                           [[maybe_unused]] T p0, [[maybe_unused]] T p1) { expression; })        \
      return [](const void* xs, const void* ys, const void* zs, void* out, int64_t count,        \
                const double* parameters) {                                                      \
        [[maybe_unused]] const T p0 = static_cast<T>(parameters[0]);                             \
        [[maybe_unused]] const T p1 = static_cast<T>(parameters[1]);                             \
        for_each<T>(xs, ys, zs, out, count,                                                      \
                    [=]([[maybe_unused]] T x, [[maybe_unused]] T y, [[maybe_unused]] T z) -> T { \
                      return expression;                                                         \
                    });                                                                          \
      };                                                                                         \
    else                                                                                         \
      return nullptr;                                                                            \
  }
#define GRADUS_UNARY(name, kind, parameters, expression, ...) GRADUS_TILE(name, (expression))
#define GRADUS_BINARY(name, kind, parameters, expression, ...) GRADUS_TILE(name, (expression))
#define GRADUS_TERNARY(name, kind, expression, ...) GRADUS_TILE(name, (expression))
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY
#undef GRADUS_TILE

// sin and cos: VectorMath's within its limit, the C library's beyond. Which one an element gets
// does not depend on its neighbours.
template <class Near, class Far>
inline void trigonometric(const void* x, void* out, int64_t count, Near near_zero, Far far) {
  const float* xs = static_cast<const float*>(x);
  float* outs = static_cast<float*>(out);
  const auto within = [](float value) {
    return __builtin_fabsf(value) <= VectorMath::trigonometric_limit;
  };
  int beyond = 0;
  for (int64_t i = 0; i < count; ++i) beyond |= within(xs[i]) ? 0 : 1;
  if (beyond != 0) {
    for (int64_t i = 0; i < count; ++i) outs[i] = within(xs[i]) ? near_zero(xs[i]) : far(xs[i]);
    return;
  }
#pragma GCC ivdep
  for (int64_t i = 0; i < count; ++i) outs[i] = near_zero(xs[i]);
}

inline void tile_sine(const void* x, const void*, const void*, void* out, int64_t count,
                      const double*) {
  trigonometric(
      x, out, count, [](float v) { return VectorMath::sin(v); },
      [](float v) { return __builtin_sinf(v); });
}

inline void tile_cosine(const void* x, const void*, const void*, void* out, int64_t count,
                        const double*) {
  trigonometric(
      x, out, count, [](float v) { return VectorMath::cos(v); },
      [](float v) { return __builtin_cosf(v); });
}

// A choice between two functions is made outside the loop, which would compute both.
template <class Exact, class Tanh>
inline void gelu_kind(const void* x, const void* y, void* out, int64_t count,
                      const double* parameters, Exact exact, Tanh tanh) {
  if (parameters[0] == 0)
    for_each<float>(x, y, nullptr, out, count, exact);
  else
    for_each<float>(x, y, nullptr, out, count, tanh);
}

inline void tile_gelu_kind(const void* x, const void*, const void*, void* out, int64_t count,
                           const double* parameters) {
  gelu_kind(
      x, nullptr, out, count, parameters, [](float v, float, float) { return VectorMath::gelu(v); },
      [](float v, float, float) { return VectorMath::gelu_tanh(v); });
}

inline void tile_gelu_backward_kind(const void* x, const void* y, const void*, void* out,
                                    int64_t count, const double* parameters) {
  gelu_kind(
      x, y, out, count, parameters,
      [](float v, float d, float) { return d * VectorMath::gelu_slope(v); },
      [](float v, float d, float) { return d * VectorMath::gelu_tanh_slope(v); });
}

// tiles[op] for every op; null: left to the reference.
inline void fill_tiles(TileFunction* tiles) {
#define GRADUS_ROW(name, ...) \
  tiles[static_cast<int>(Pointwise::name)] = tile_##name<float, VectorMath>();
#define GRADUS_UNARY(name, ...) GRADUS_ROW(name)
#define GRADUS_BINARY(name, ...) GRADUS_ROW(name)
#define GRADUS_TERNARY(name, ...) GRADUS_ROW(name)
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY
#undef GRADUS_ROW
  tiles[static_cast<int>(Pointwise::sin)] = tile_sine;
  tiles[static_cast<int>(Pointwise::cos)] = tile_cosine;
  tiles[static_cast<int>(Pointwise::gelu)] = tile_gelu_kind;
  tiles[static_cast<int>(Pointwise::gelu_backward)] = tile_gelu_backward_kind;
}

}  // namespace
}  // namespace gradus::kernels
