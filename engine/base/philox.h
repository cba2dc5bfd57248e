// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC11). The key comes from (seed, stable path of the layer, step, micro-step), the
// counter from the global element index, so the bits do not depend on threads, fusion,
// recomputation, device or sharding.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/base/half.h"

namespace gradus {

struct PhiloxKey {
  uint32_t lo, hi;
};

struct Philox4 {
  uint32_t v[4];
};

// One block of four 32-bit words. counter and key as in Random123's philox4x32.
GRADUS_HD Philox4 philox4x32_10(Philox4 counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(0xD2511F53u) * counter.v[0];
    const uint64_t p1 = static_cast<uint64_t>(0xCD9E8D57u) * counter.v[2];
    counter = {{static_cast<uint32_t>(p1 >> 32) ^ counter.v[1] ^ key.lo, static_cast<uint32_t>(p1),
                static_cast<uint32_t>(p0 >> 32) ^ counter.v[3] ^ key.hi,
                static_cast<uint32_t>(p0)}};
    key.lo += 0x9E3779B9u;
    key.hi += 0xBB67AE85u;
  }
  return counter;
}

// What names a random stream within a run. It lives on the device as 3 words and changes from step
// to step.
struct RngState {
  uint64_t seed = 0;
  uint64_t step = 0;
  uint64_t micro_step = 0;
};

// The key of the stream `path` at `state`: one Philox block over (path, step, micro-step) keyed by
// the seed.
GRADUS_HD PhiloxKey philox_key(const RngState& state, uint64_t path) {
  const Philox4 mixed =
      philox4x32_10({{static_cast<uint32_t>(path), static_cast<uint32_t>(path >> 32),
                      static_cast<uint32_t>(state.step), static_cast<uint32_t>(state.micro_step)}},
                    {static_cast<uint32_t>(state.seed), static_cast<uint32_t>(state.seed >> 32)});
  return {mixed.v[0], mixed.v[1]};
}

// The word of element `index` in the stream `key`: word index%4 of block index/4.
GRADUS_HD uint32_t philox_word(PhiloxKey key, uint64_t index) {
  const uint64_t block = index >> 2;
  const Philox4 out = philox4x32_10(
      {{static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0u, 0u}}, key);
  return out.v[index & 3u];
}

// 24 random bits as a float in [0, 1).
GRADUS_HD float uniform_float(uint32_t word) {
  return static_cast<float>(word >> 8) * (1.0f / 16777216.0f);
}

// A stable 64-bit name of a path: FNV-1a, then mixed. The same on every platform.
uint64_t path_id(std::string_view path);

}  // namespace gradus
