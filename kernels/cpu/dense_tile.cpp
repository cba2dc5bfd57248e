// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/dense_tile.h"

#include <cstring>

#include "engine/base/instruction_set.h"
#include "kernels/cpu/dense_tile_body.h"

namespace gradus::kernels {
namespace {

// 16-byte vectors, which every 64-bit platform has.
template <class Element>
struct Lanes16 {
  using T = Element;
  typedef Element V __attribute__((vector_size(16)));
  static constexpr int width = 16 / sizeof(Element);
  static V load(const T* from) { return load_part(from, width); }
  static V load_part(const T* from, int count) {
    V v = {};
    std::memcpy(&v, from, static_cast<size_t>(count) * sizeof(T));
    return v;
  }
  static void store(T* to, V v) { store_part(to, v, width); }
  static void store_part(T* to, V v, int count) {
    std::memcpy(to, &v, static_cast<size_t>(count) * sizeof(T));
  }
  static V broadcast(T x) { return V{} + x; }
  static V add(V a, V b) { return a + b; }
  static void multiply_add(V a, V b, V& sum) { sum += a * b; }

  using Block = T;
  static constexpr int block = 1;
  static Block load_block(const T* from) { return *from; }
  static void store_block(T* to, Block v) { *to = v; }
  static void transpose(Block (&)[1]) {}
};

}  // namespace

const DenseTile<float> dense_tile_f32_base = make_dense_tile<Lanes16<float>, 4, 2>();
const DenseTile<double> dense_tile_f64_base = make_dense_tile<Lanes16<double>, 4, 2>();

#if defined(__x86_64__) || defined(__i386__)
namespace {

template <class T>
const DenseTile<T>& choose(const DenseTile<T>& base, const DenseTile<T>& avx2,
                           const DenseTile<T>& avx512) {
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
const DenseTile<float>& dense_tile<float>() {
  return choose(dense_tile_f32_base, dense_tile_f32_avx2, dense_tile_f32_avx512);
}
template <>
const DenseTile<double>& dense_tile<double>() {
  return choose(dense_tile_f64_base, dense_tile_f64_avx2, dense_tile_f64_avx512);
}
#else
template <>
const DenseTile<float>& dense_tile<float>() {
  return dense_tile_f32_base;
}
template <>
const DenseTile<double>& dense_tile<double>() {
  return dense_tile_f64_base;
}
#endif

}  // namespace gradus::kernels
