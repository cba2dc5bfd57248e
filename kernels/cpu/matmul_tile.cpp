// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/matmul_tile.h"

#include <cstring>

#include "engine/base/instruction_set.h"
#include "kernels/cpu/matmul_tile_body.h"

namespace gradus::kernels {
namespace {

// 16-byte vectors, which every 64-bit platform has.
template <class Element>
struct Lanes16 {
  using T = Element;
  typedef Element V __attribute__((vector_size(16)));
  static constexpr int width = 16 / sizeof(Element);
  static V load(const T* from) {
    V v;
    std::memcpy(&v, from, sizeof v);
    return v;
  }
  static void store(T* to, V v) { std::memcpy(to, &v, sizeof v); }
  static V broadcast(T x) { return V{} + x; }
  static V add(V a, V b) { return a + b; }
  static V multiply_add(V a, V b, V c) { return a * b + c; }
};

}  // namespace

const MatmulTile<float> matmul_tile_f32_base{4, 8, matmul_tile_body<Lanes16<float>, 4, 2>};
const MatmulTile<double> matmul_tile_f64_base{4, 4, matmul_tile_body<Lanes16<double>, 4, 2>};

#if defined(__x86_64__) || defined(__i386__)
namespace {

template <class T>
const MatmulTile<T>& choose(const MatmulTile<T>& base, const MatmulTile<T>& avx2,
                            const MatmulTile<T>& avx512) {
  switch (instruction_set()) {
    case InstructionSet::avx512:
      return avx512;
    case InstructionSet::avx2:
      return avx2;
    default:
      return base;
  }
}

}  // namespace

template <>
const MatmulTile<float>& matmul_tile<float>() {
  return choose(matmul_tile_f32_base, matmul_tile_f32_avx2, matmul_tile_f32_avx512);
}
template <>
const MatmulTile<double>& matmul_tile<double>() {
  return choose(matmul_tile_f64_base, matmul_tile_f64_avx2, matmul_tile_f64_avx512);
}
#else
template <>
const MatmulTile<float>& matmul_tile<float>() {
  return matmul_tile_f32_base;
}
template <>
const MatmulTile<double>& matmul_tile<double>() {
  return matmul_tile_f64_base;
}
#endif

}  // namespace gradus::kernels
