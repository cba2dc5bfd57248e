// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/convolution_tile.h"

#include <cstring>

#include "engine/base/instruction_set.h"
#include "kernels/cpu/convolution_tile_body.h"

namespace gradus::kernels {
namespace {

// 16-byte vectors, which every 64-bit platform has.
struct Lanes16 {
  typedef float V __attribute__((vector_size(16)));
  static constexpr int width = 4;
  static V load(const float* from) {
    V v;
    std::memcpy(&v, from, sizeof v);
    return v;
  }
  static void store(float* to, V v) { std::memcpy(to, &v, sizeof v); }
  static V broadcast(float x) { return V{} + x; }
  static V add(V a, V b) { return a + b; }
  static V multiply_add(V a, V b, V c) { return a * b + c; }
};

}  // namespace

const ConvolutionTile convolution_tile_base = convolution_tile_of<Lanes16>();

const ConvolutionTile& convolution_tile() {
#if defined(__x86_64__) || defined(__i386__)
  switch (instruction_set()) {
    case InstructionSet::avx512:
      return convolution_tile_avx512;
    case InstructionSet::avx2:
      return convolution_tile_avx2;
    default:
      break;
  }
#endif
  return convolution_tile_base;
}

}  // namespace gradus::kernels
