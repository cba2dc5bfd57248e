// SPDX-License-Identifier: Apache-2.0
// Models of ldmatrix and mma.sync. Sums run over k ascending in f32; the hardware's order and
// rounding of the partial sums are not specified, so tests use integers or error bounds.
#include <array>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "engine/base/half.h"
#include "kernels/sim/cluster.h"
#include "kernels/sim/device.h"
#include "kernels/sim/options.h"
#include "kernels/sim/warp.h"

namespace gradus::sim {
namespace {

struct LdmatrixOperand {
  const char* row;
  uint32_t* registers;
  int count;
  uint32_t site;
};

// Lane `lane` receives one element pair of each matrix: it is the reader of those bytes.
template <bool transposed>
void finish_ldmatrix(Collective& c) {
  const int count = static_cast<LdmatrixOperand*>(c.operands[0])->count;
  const bool checks = current.thread->cluster->checks();
  const auto row = [&](int matrix, uint32_t i) {
    return static_cast<LdmatrixOperand*>(c.operands[matrix * 8 + static_cast<int>(i)])->row;
  };
  for (uint32_t lane = 0; lane < 32; ++lane) {
    Thread& thread = lane_thread(*current.thread, lane);
    const auto& operand = *static_cast<LdmatrixOperand*>(c.operands[lane]);
    const uint32_t g = lane / 4;
    const uint32_t q = 2 * (lane % 4);
    SharedMemory& shared = thread.cluster->shared();
    for (int m = 0; m < count; ++m) {
      const char* first = transposed ? row(m, q) + 2 * g : row(m, g) + 2 * q;
      const char* second = transposed ? row(m, q + 1) + 2 * g : first + 2;
      if (checks) {
        shared.read(thread, shared.offset_of(first), 2, operand.site);
        shared.read(thread, shared.offset_of(second), 2, operand.site);
      }
      std::array<uint16_t, 2> pair{};
      std::memcpy(&pair[0], first, 2);
      std::memcpy(&pair[1], second, 2);
      operand.registers[m] = pair[0] | static_cast<uint32_t>(pair[1]) << 16;
    }
  }
  current.thread->cluster->counters().ldmatrix += static_cast<uint64_t>(count);
}

struct MmaOperand {
  float* d;
  const uint32_t* a;
  const uint32_t* b;
};

template <int K>
struct Tile {
  float a[16][K];
  float b[K][8];
  float d[16][8];
};

template <int K>
__attribute__((target_clones("avx2", "default"))) void multiply(Tile<K>& tile) {
  for (int m = 0; m < 16; ++m)
    for (int k = 0; k < K; ++k)
      for (int n = 0; n < 8; ++n) tile.d[m][n] += tile.a[m][k] * tile.b[k][n];
}

template <int K, class F>
void gather_d(Collective& c, Tile<K>& tile, F&& f) {
  for (int lane = 0; lane < 32; ++lane) {
    float* d = static_cast<MmaOperand*>(c.operands[lane])->d;
    const int g = lane / 4;
    const int q = 2 * (lane % 4);
    for (int i = 0; i < 4; ++i) f(d[i], tile.d[g + i / 2 * 8][q + i % 2]);
  }
}

// a and b are filled in by `load`, which sees each lane's operands.
template <int K, class Load>
void run_mma(Collective& c, Load&& load) {
  Tile<K> tile;
  for (int lane = 0; lane < 32; ++lane)
    load(tile, *static_cast<MmaOperand*>(c.operands[lane]), lane / 4, lane % 4);
  gather_d(c, tile, [](const float& own, float& all) { all = own; });
  multiply(tile);
  gather_d(c, tile, [](float& own, const float& all) { own = all; });
  ++current.thread->cluster->counters().mma;
}

template <class Half>
void finish_mma_half(Collective& c) {
  run_mma<16>(c, [](Tile<16>& tile, const MmaOperand& o, int g, int t) {
    for (int half = 0; half < 2; ++half) {
      const int shift = 16 * half;
      const auto value = [&](uint32_t bits) {
        return to_float(Half{static_cast<uint16_t>(bits >> shift)});
      };
      const int q = 2 * t + half;
      for (int i = 0; i < 4; ++i) tile.a[g + i % 2 * 8][q + i / 2 * 8] = value(o.a[i]);
      for (int i = 0; i < 2; ++i) tile.b[q + i * 8][g] = value(o.b[i]);
    }
  });
}

void finish_mma_tf32(Collective& c) {
  run_mma<8>(c, [](Tile<8>& tile, const MmaOperand& o, int g, int t) {
    // The unit reads 10 bits of the mantissa and ignores the rest.
    const auto value = [](uint32_t bits) { return std::bit_cast<float>(bits & 0xffffe000u); };
    for (int i = 0; i < 4; ++i) tile.a[g + i % 2 * 8][t + i / 2 * 4] = value(o.a[i]);
    for (int i = 0; i < 2; ++i) tile.b[t + i * 4][g] = value(o.b[i]);
  });
}

void check_row(Thread& thread, const void* row, uint32_t site) {
  Cluster& cluster = *thread.cluster;
  const bool inside = cluster.shared().contains(row);
  if (!inside || reinterpret_cast<uintptr_t>(row) % 16 != 0)
    cluster.fail(inside ? Rule::alignment : Rule::bounds,
                 fmt::format("{} gives ldmatrix the row address {}, expected 16 aligned bytes of "
                             "shared memory [{}]",
                             describe(thread), row, site_name(site)));
  cluster.shared().check_bounds(thread, cluster.shared().offset_of(row), 16, site);
}

void mma(const Entry& entry, const char* name, MmaOperand operand, void (*finish)(Collective&)) {
  run_collective(entry.thread, name, full_mask, true, &operand, finish, entry.site);
}

}  // namespace

__attribute__((noinline)) void ldmatrix(uint32_t* registers, const void* row, int count,
                                        bool transposed) {
  const Entry entry(__builtin_return_address(0));
  Thread& thread = entry.thread;
  LdmatrixOperand operand{static_cast<const char*>(row), registers, count, entry.site};
  // Only the first 8 * count lanes' addresses are used.
  if (thread.lane < static_cast<uint32_t>(8 * count)) check_row(thread, row, entry.site);
  if (options().count_accesses && thread.lane < static_cast<uint32_t>(8 * count))
    thread.warp->log.note(entry.site, thread.executions[entry.site]++, thread.lane, true,
                          thread.cluster->shared().offset_of(row), 16);
  run_collective(thread, "ldmatrix", full_mask, true, &operand,
                 transposed ? finish_ldmatrix<true> : finish_ldmatrix<false>, entry.site);
}

__attribute__((noinline)) void mma_m16n8k16_bf16(float* d, const uint32_t* a, const uint32_t* b) {
  mma(Entry(__builtin_return_address(0)), "mma m16n8k16 bf16", {d, a, b}, finish_mma_half<bf16>);
}

__attribute__((noinline)) void mma_m16n8k16_f16(float* d, const uint32_t* a, const uint32_t* b) {
  mma(Entry(__builtin_return_address(0)), "mma m16n8k16 f16", {d, a, b}, finish_mma_half<f16>);
}

__attribute__((noinline)) void mma_m16n8k8_tf32(float* d, const uint32_t* a, const uint32_t* b) {
  mma(Entry(__builtin_return_address(0)), "mma m16n8k8 tf32", {d, a, b}, finish_mma_tf32);
}

}  // namespace gradus::sim
