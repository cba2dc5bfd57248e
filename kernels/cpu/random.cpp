// SPDX-License-Identifier: Apache-2.0
#include "kernels/random.h"

#include <algorithm>
#include <cmath>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr int64_t grain = 1 << 12;  // a multiple of 4: one Philox block gives four words

// Calls use(i, words, count) for the elements i .. i + count - 1 of each block of four.
template <class Use>
void for_blocks(int64_t n, const RandomStream& stream, Use&& use) {
  const PhiloxKey key = philox_key(*stream.rng, stream.path);
  parallel_range(n, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += 4) {
      const uint64_t block = static_cast<uint64_t>(i) >> 2;
      const Philox4 words = philox4x32_10(
          {{static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0u, 0u}}, key);
      use(i, words, std::min<int64_t>(4, end - i));
    }
  });
}

struct NormalPair {
  double first, second;
};

NormalPair normal_pair(uint32_t radius_word, uint32_t angle_word) {
  const double radius = std::sqrt(-2.0 * std::log((radius_word + 0.5) * 0x1p-32));
  const double angle = 6.283185307179586 * (angle_word * 0x1p-32);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

}  // namespace

void random_uniform_cpu(const RandomArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = static_cast<T*>(args.out);
    for_blocks(args.n, args.stream, [&](int64_t i, const Philox4& words, int64_t count) {
      for (int64_t k = 0; k < count; ++k) out[i + k] = static_cast<T>(uniform_float(words.v[k]));
    });
  });
}

void random_normal_cpu(const RandomArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = static_cast<T*>(args.out);
    for_blocks(args.n, args.stream, [&](int64_t i, const Philox4& words, int64_t count) {
      for (int64_t k = 0; k < count; k += 2) {
        const NormalPair pair = normal_pair(words.v[k], words.v[k + 1]);
        out[i + k] = static_cast<T>(pair.first);
        if (k + 1 < count) out[i + k + 1] = static_cast<T>(pair.second);
      }
    });
  });
}

void bernoulli_cpu(const BernoulliArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* p = static_cast<const T*>(args.p);
    T* out = static_cast<T*>(args.out);
    for_blocks(args.n, args.stream, [&](int64_t i, const Philox4& words, int64_t count) {
      for (int64_t k = 0; k < count; ++k) {
        if (!(p[i + k] >= T(0) && p[i + k] <= T(1)))
          failf(ErrorKind::bad_data, "bernoulli",
                "probability at position {}, expected 0 to 1, got {}", i + k,
                static_cast<double>(p[i + k]));
        out[i + k] = static_cast<T>(uniform_float(words.v[k])) < p[i + k] ? T(1) : T(0);
      }
    });
  });
}

void dropout_cpu(const DropoutArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = static_cast<const T*>(args.x);
    T* out = static_cast<T*>(args.out);
    const T factor = args.p < 1.0 ? static_cast<T>(1.0 / (1.0 - args.p)) : T(0);
    // uniform_float(word) >= p in whole numbers: both sides times 2^24.
    const uint32_t threshold = static_cast<uint32_t>(std::ceil(args.p * 0x1p24));
    for_blocks(args.n, args.stream, [&](int64_t i, const Philox4& words, int64_t count) {
      for (int64_t k = 0; k < count; ++k)
        out[i + k] = (words.v[k] >> 8) >= threshold ? x[i + k] * factor : T(0);
    });
  });
}

}  // namespace gradus::kernels
