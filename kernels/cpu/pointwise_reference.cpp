// SPDX-License-Identifier: Apache-2.0
#include "engine/base/half.h"
#include "kernels/cpu/pointwise_program.h"
#include "kernels/library_math.h"

namespace gradus::kernels {
namespace {

// A parameter in the compute type; beyond an integer's range it saturates (an open bound is
// infinite).
template <class T>
T parameter(double value) {
  if constexpr (std::is_integral_v<T>) {
    if (value >= 9223372036854775807.0) return std::numeric_limits<T>::max();
    if (value <= -9223372036854775808.0) return std::numeric_limits<T>::min();
  }
  return static_cast<T>(value);
}

enum class Kind { real, number, test };

template <class T, class F>
void for_each(const void* x, const void* y, const void* z, void* out, int64_t count, F f) {
  const T* xs = static_cast<const T*>(x);
  const T* ys = y ? static_cast<const T*>(y) : xs;
  const T* zs = z ? static_cast<const T*>(z) : xs;
  T* outs = static_cast<T*>(out);
  for (int64_t i = 0; i < count; ++i) outs[i] = f(xs[i], ys[i], zs[i]);
}

#define GRADUS_TILE(name, expression)                                                        \
  template <class T>                                                                         \
  void tile_##name(const void* xs, const void* ys, const void* zs, void* out, int64_t count, \
                   const double* parameters) {                                               \
    using M [[maybe_unused]] = LibraryMath;                                                  \
    [[maybe_unused]] const T p0 = parameter<T>(parameters[0]);                               \
    [[maybe_unused]] const T p1 = parameter<T>(parameters[1]);                               \
    for_each<T>(xs, ys, zs, out, count,                                                      \
                [=]([[maybe_unused]] T x, [[maybe_unused]] T y, [[maybe_unused]] T z) -> T { \
                  return expression;                                                         \
                });                                                                          \
  }
#define GRADUS_UNARY(name, kind, parameters, expression, ...) GRADUS_TILE(name, (expression))
#define GRADUS_BINARY(name, kind, parameters, expression, ...) GRADUS_TILE(name, (expression))
#define GRADUS_TERNARY(name, kind, expression, ...) GRADUS_TILE(name, (expression))
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY
GRADUS_TILE(copy, x)
GRADUS_TILE(round_f16, static_cast<T>(to_float(to_f16(static_cast<float>(x)))))
GRADUS_TILE(round_bf16, static_cast<T>(to_float(to_bf16(static_cast<float>(x)))))
GRADUS_TILE(truth, x != T(0) ? T(1) : T(0))

TileTable make_table() {
  TileTable table;
  const auto row = [&](Pointwise op) -> std::array<TileFunction, 3>& {
    return table.functions[static_cast<size_t>(op)];
  };
#define GRADUS_ROW(name, kind)                   \
  row(Pointwise::name)[0] = tile_##name<float>;  \
  row(Pointwise::name)[1] = tile_##name<double>; \
  if constexpr (Kind::kind != Kind::real) row(Pointwise::name)[2] = tile_##name<int64_t>;
#define GRADUS_UNARY(name, kind, ...) GRADUS_ROW(name, kind)
#define GRADUS_BINARY(name, kind, ...) GRADUS_ROW(name, kind)
#define GRADUS_TERNARY(name, kind, ...) GRADUS_ROW(name, kind)
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY
  GRADUS_ROW(copy, number)
  GRADUS_ROW(truth, number)
  GRADUS_ROW(round_f16, real)
  GRADUS_ROW(round_bf16, real)
  return table;
}

}  // namespace

const TileTable& pointwise_reference_table() {
  static const TileTable table = make_table();
  return table;
}

void pointwise_cpu_reference(const PointwiseArgs& args) {
  run_pointwise(args, pointwise_reference_table());
}

}  // namespace gradus::kernels
