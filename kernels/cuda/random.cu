// SPDX-License-Identifier: Apache-2.0
// Random numbers and dropout: a thread draws one Philox block, four words, for four neighbouring
// elements. Not measured on hardware.
#include "kernels/random.h"

#include <cmath>

#include "kernels/common/convert.h"
#include "kernels/common/launch.h"
#include "kernels/common/vector.h"

namespace gradus::kernels {
namespace {

constexpr int threads = 256;
constexpr int words = 4;
constexpr int64_t most_blocks = 1 << 13;  // further elements are walked by the same threads

// An access has at most 16 bytes.
template <class T>
inline constexpr int part = sizeof(T) == 8 ? 2 : 4;

template <class T>
DEV void load_four(T (&values)[words], const T* from, int64_t count, bool vectors) {
  if (vectors && count == words) {
#pragma unroll
    for (int first = 0; first < words; first += part<T>) {
      const Vector<T, part<T>> read = load_vector<part<T>>(from + first);
#pragma unroll
      for (int j = 0; j < part<T>; ++j) values[first + j] = read.at[j];
    }
  } else {
#pragma unroll
    for (int j = 0; j < words; ++j)
      if (j < count) values[j] = from[j];
  }
}

template <class T>
DEV void store_four(T* to, const T (&values)[words], int64_t count, bool vectors) {
  if (vectors && count == words) {
#pragma unroll
    for (int first = 0; first < words; first += part<T>) {
      Vector<T, part<T>> written;
#pragma unroll
      for (int j = 0; j < part<T>; ++j) written.at[j] = values[first + j];
      store_vector(to + first, written);
    }
  } else {
#pragma unroll
    for (int j = 0; j < words; ++j)
      if (j < count) to[j] = values[j];
  }
}

DEV Philox4 block_of_words(const PhiloxKey& key, int64_t block) {
  const uint64_t number = static_cast<uint64_t>(block);
  return philox4x32_10(
      {{static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32), 0u, 0u}}, key);
}

DEV PhiloxKey key_of(const RandomStream& stream) {
  const RngState state{stream.rng->seed, stream.rng->step, stream.rng->micro_step};
  return philox_key(state, stream.path);
}

template <class T>
struct Dropped {
  const T* x;
  T* out;
  int64_t n;
  Compute<T> factor;
  uint32_t threshold;  // of the upper 24 bits of a word
  bool vectors;
};

template <class T>
__global__ void __launch_bounds__(threads)
    dropout(const Dropped<T> args, const RandomStream stream) {
  const PhiloxKey key = key_of(stream);
  const int64_t step = int64_t{gridDim.x} * threads;
  for (int64_t block = int64_t{blockIdx.x} * threads + threadIdx.x; block * words < args.n;
       block += step) {
    const int64_t left = args.n - block * words;
    const int64_t count = left < words ? left : words;
    const Philox4 random = block_of_words(key, block);
    T values[words] = {};
    load_four(values, args.x + block * words, count, args.vectors);
#pragma unroll
    for (int j = 0; j < words; ++j)
      values[j] = narrow<T>((random.v[j] >> 8) >= args.threshold ? widen(values[j]) * args.factor
                                                                 : Compute<T>(0));
    store_four(args.out + block * words, values, count, args.vectors);
  }
}

// Box and Muller, in f64 as on the CPU.
DEV void normal_pair(double& first, double& second, uint32_t radius_word, uint32_t angle_word) {
  const double radius = sqrt(-2.0 * log((radius_word + 0.5) * 0x1p-32));
  const double angle = 6.283185307179586 * (angle_word * 0x1p-32);
  first = radius * cos(angle);
  second = radius * sin(angle);
}

template <class T, bool Normal>
__global__ void __launch_bounds__(threads)
    random_fill(T* out, int64_t n, const RandomStream stream, bool vectors) {
  const PhiloxKey key = key_of(stream);
  const int64_t step = int64_t{gridDim.x} * threads;
  for (int64_t block = int64_t{blockIdx.x} * threads + threadIdx.x; block * words < n;
       block += step) {
    const int64_t left = n - block * words;
    const Philox4 random = block_of_words(key, block);
    T values[words];
#pragma unroll
    for (int j = 0; j < words; j += 2) {
      double first = uniform_float(random.v[j]), second = uniform_float(random.v[j + 1]);
      if constexpr (Normal) normal_pair(first, second, random.v[j], random.v[j + 1]);
      values[j] = narrow<T>(static_cast<Compute<T>>(first));
      values[j + 1] = narrow<T>(static_cast<Compute<T>>(second));
    }
    store_four(out + block * words, values, left < words ? left : words, vectors);
  }
}

LaunchConfig config_of(int64_t n, StreamHandle stream) {
  const int64_t blocks = (n + threads * words - 1) / (threads * words);
  return {.grid = {static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks)},
          .block = {threads},
          .stream = stream};
}

template <class T>
void launch_dropout(const DropoutArgs& args, StreamHandle stream) {
  const double factor = args.p < 1.0 ? 1.0 / (1.0 - args.p) : 0.0;
  const Dropped<T> dropped{static_cast<const T*>(args.x),
                           static_cast<T*>(args.out),
                           args.n,
                           static_cast<Compute<T>>(factor),
                           static_cast<uint32_t>(std::ceil(args.p * 0x1p24)),
                           vectors_fit<T>(args.x, 0) && vectors_fit<T>(args.out, 0)};
  launch(dropout<T>, config_of(args.n, stream), dropped, args.stream);
}

template <class T, bool Normal>
void launch_fill(const RandomArgs& args, StreamHandle stream) {
  launch(random_fill<T, Normal>, config_of(args.n, stream), static_cast<T*>(args.out), args.n,
         args.stream, vectors_fit<T>(args.out, 0));
}

// Calls f with an element of the dtype.
template <class F>
void dispatch(DType dtype, std::string_view op, F f) {
  switch (dtype) {
    case DType::f64:
      return f(double{});
    case DType::f32:
      return f(float{});
    case DType::f16:
      return f(f16{});
    case DType::bf16:
      return f(bf16{});
    default:
      failf(ErrorKind::unsupported, op, "no CUDA kernel for {}", dtype_name(dtype));
  }
}

}  // namespace

void dropout_cuda(const DropoutArgs& args, StreamHandle stream) {
  if (args.n == 0) return;
  dispatch(args.dtype, "dropout", [&](auto tag) { launch_dropout<decltype(tag)>(args, stream); });
}

void random_uniform_cuda(const RandomArgs& args, StreamHandle stream) {
  if (args.n == 0) return;
  dispatch(args.dtype, "rand", [&](auto tag) { launch_fill<decltype(tag), false>(args, stream); });
}

void random_normal_cuda(const RandomArgs& args, StreamHandle stream) {
  if (args.n == 0) return;
  dispatch(args.dtype, "randn", [&](auto tag) { launch_fill<decltype(tag), true>(args, stream); });
}

}  // namespace gradus::kernels
