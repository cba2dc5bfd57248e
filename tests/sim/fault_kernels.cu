// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/fault_kernels.h"

#include "kernels/common/async_copy.h"
#include "kernels/common/barrier.h"
#include "kernels/common/launch.h"
#include "kernels/common/mma.h"
#include "kernels/common/reduce.h"
#include "kernels/common/shared.h"
#include "kernels/common/vector.h"

namespace gradus::sim_test {
namespace {

using namespace gradus::kernels;  // the wrappers are what this file is about
using sim::Rule;

constexpr int threads = 96;  // three warps

DEV int thread() { return static_cast<int>(threadIdx.x); }

// --- shared memory -----------------------------------------------------------------------------

__global__ void uninitialised_shared(FaultMemory m, bool broken) {
  SHARED(part, float[threads + 1]);
  part[thread()] = 1.0f;
  __syncthreads();
  m.values[thread()] = part[thread() + (broken ? 1 : 0)];
}

__global__ void read_before_write(FaultMemory m, bool broken) {
  SHARED(part, float[threads]);
  part[thread()] = 1.0f;
  __syncthreads();
  if (thread() < 32) part[thread()] = 2.0f;
  if (!broken) __syncthreads();
  m.values[thread()] = part[thread() % 32];
}

__global__ void write_before_read(FaultMemory m, bool broken) {
  SHARED(part, float[threads]);
  for (int round = 0; round < 2; ++round) {
    part[thread()] = static_cast<float>(round);
    __syncthreads();
    m.values[thread()] += part[(thread() + 1) % threads];
    if (!broken) __syncthreads();
  }
}

__global__ void lanes_without_order(FaultMemory m, bool broken) {
  SHARED(part, float[threads]);
  part[thread()] = 1.0f;
  if (!broken) __syncwarp();
  m.values[thread()] = part[thread() ^ 1];
}

// A shuffle hands over a value; it orders no memory.
__global__ void shuffle_orders_nothing(FaultMemory m, bool broken) {
  SHARED(part, float[threads]);
  part[thread()] = 1.0f;
  const int other = __shfl_xor_sync(full_warp, thread(), 1);
  if (!broken) __syncwarp();
  m.values[thread()] = part[other];
}

// Neighbouring 16-bit elements have different writers.
__global__ void neighbours(FaultMemory m, bool broken) {
  SHARED(part, uint16_t[threads]);
  part[broken ? thread() / 2 : thread()] = static_cast<uint16_t>(thread());
  __syncthreads();
  m.values[thread()] = part[broken ? thread() / 2 : thread()];
}

__global__ void past_shared(FaultMemory m, bool broken) {
  SHARED(part, float[threads]);
  part[thread()] = 1.0f;
  m.values[thread()] = part[thread() + (broken && thread() == threads - 1 ? 4096 : 0)];
}

struct Large {
  float values[threads];
};

__global__ void dynamic_too_small(FaultMemory m) {
  Large& large = dynamic_shared<Large>();
  large.values[thread()] = 1.0f;
  m.values[thread()] = large.values[thread()];
}

// --- cp.async ----------------------------------------------------------------------------------

struct alignas(16) Rows {
  float at[threads][4];
};

__global__ void copy_without_wait(FaultMemory m, bool broken) {
  SHARED(rows, Rows);
  cp_async_16(rows.at[thread()], m.values + thread() * 4, 16);
  cp_async_commit();
  if (!broken) cp_async_wait<0>();
  m.values[thread() * 4] = rows.at[thread()][0] + 1.0f;
  if (broken) cp_async_wait<0>();
}

__global__ void copy_without_commit(FaultMemory m, bool broken) {
  SHARED(rows, Rows);
  cp_async_16(rows.at[thread()], m.values + thread() * 4, 16);
  if (!broken) cp_async_commit();
  cp_async_wait<0>();
  m.values[thread() * 4] = rows.at[thread()][0];
}

__global__ void copy_wait_too_shallow(FaultMemory m, bool broken) {
  SHARED(rows, Rows[2]);
  for (int stage = 0; stage < 2; ++stage) {
    cp_async_16(rows[stage].at[thread()], m.values + thread() * 4, 16);
    cp_async_commit();
  }
  broken ? cp_async_wait<1>() : cp_async_wait<0>();
  m.values[thread() * 4] = rows[1].at[thread()][0];
  cp_async_wait<0>();
}

__global__ void copy_outlives_thread(FaultMemory m, bool broken) {
  SHARED(rows, Rows);
  cp_async_16(rows.at[thread()], m.values + thread() * 4, 16);
  cp_async_commit();
  if (!broken) cp_async_wait<0>();
}

// The wait is the issuer's own: others need a barrier after it.
__global__ void copy_seen_by_others(FaultMemory m, bool broken) {
  SHARED(rows, Rows);
  cp_async_16(rows.at[thread()], m.values + thread() * 4, 16);
  cp_async_commit();
  if (broken) __syncthreads();
  cp_async_wait<0>();
  if (!broken) __syncthreads();
  m.values[threads * 4 + thread()] = rows.at[(thread() + 1) % threads][0];
}

__global__ void copy_past_the_end(FaultMemory m, bool broken) {
  SHARED(rows, Rows);
  const int at = FaultMemory::count - 4 + (broken && thread() == 0 ? 4 : 0);
  cp_async_16(rows.at[thread()], m.values + at, 16);
  cp_async_commit();
  cp_async_wait<0>();
}

// --- barriers ----------------------------------------------------------------------------------

__global__ void half_at_barrier(FaultMemory m, bool broken) {
  if (!broken || thread() < 64) __syncthreads();
  m.values[thread()] = 1.0f;
}

__global__ void different_barriers(FaultMemory m, bool broken) {
  named_barrier_sync(broken && thread() >= 64 ? 2 : 1, threads);
  m.values[thread()] = 1.0f;
}

__global__ void different_counts(FaultMemory m, bool broken) {
  named_barrier_sync(1, broken && thread() >= 64 ? 64 : threads);
  m.values[thread()] = 1.0f;
}

// Warps 1 and 2 produce, warp 0 consumes.
__global__ void producers_arrive(FaultMemory m, bool broken) {
  SHARED(part, float[threads]);
  part[thread()] = 1.0f;
  if (thread() >= 32) {
    if (!broken) named_barrier_arrive(1, threads);
  } else {
    if (!broken) named_barrier_sync(1, threads);
    m.values[thread()] = part[thread() + 64];
  }
}

// --- mbarriers ---------------------------------------------------------------------------------

template <int Count, int Parity, bool InitOrdered>
DEV void through_mbarrier(const FaultMemory& m) {
  SHARED(ready, uint64_t);
  SHARED(part, float[threads]);
  if (thread() == 0) mbarrier_init(&ready, Count);
  if (InitOrdered) __syncthreads();
  part[thread()] = 1.0f;
  mbarrier_arrive(&ready);
  mbarrier_wait(&ready, Parity);
  m.values[thread()] = part[(thread() + 32) % threads];
}

__global__ void mbarrier_count_high(FaultMemory m, bool broken) {
  broken ? through_mbarrier<threads + 1, 0, true>(m) : through_mbarrier<threads, 0, true>(m);
}
__global__ void mbarrier_count_low(FaultMemory m, bool broken) {
  broken ? through_mbarrier<threads - 1, 0, true>(m) : through_mbarrier<threads, 0, true>(m);
}
__global__ void mbarrier_wrong_parity(FaultMemory m, bool broken) {
  broken ? through_mbarrier<threads, 1, true>(m) : through_mbarrier<threads, 0, true>(m);
}
__global__ void mbarrier_init_not_ordered(FaultMemory m, bool broken) {
  broken ? through_mbarrier<threads, 0, false>(m) : through_mbarrier<threads, 0, true>(m);
}

__global__ void mbarrier_touched(FaultMemory m, bool broken) {
  SHARED(ready, uint64_t[2]);
  if (thread() == 0) {
    mbarrier_init(&ready[0], 1);
    ready[1] = 0;
    m.values[0] = static_cast<float>(ready[broken ? 0 : 1]);
  }
}

// --- warps -------------------------------------------------------------------------------------

__global__ void lane_not_in_mask(FaultMemory m, bool broken) {
  m.values[thread()] = __shfl_xor_sync(broken ? 0x7fffffffu : full_warp, 1.0f, 1);
}

__global__ void lane_that_left(FaultMemory m, bool broken) {
  if (broken && thread() % 32 == 31) return;
  m.values[thread()] = __shfl_sync(broken ? 0x7fffffffu : full_warp, 1.0f, 31);
}

__global__ void different_collectives(FaultMemory m, bool broken) {
  if (broken && thread() % 32 < 16) {
    m.values[thread()] = static_cast<float>(__ballot_sync(full_warp, 1));
  } else {
    m.values[thread()] = __shfl_xor_sync(full_warp, 1.0f, 1);
  }
}

__global__ void ldmatrix_misaligned(FaultMemory m, bool broken) {
  SHARED(rows, Rows);
  for (int i = 0; i < 4; ++i) rows.at[thread()][i] = 1.0f;
  __syncthreads();
  uint32_t r[4];
  ldmatrix_x4(r, rows.at[thread() % 32] + (broken ? 1 : 0));
  m.values[thread()] = __uint_as_float(r[0]);
}

__global__ void ldmatrix_unordered(FaultMemory m, bool broken) {
  SHARED(rows, Rows);
  for (int i = 0; i < 4; ++i) rows.at[thread()][i] = 1.0f;
  if (!broken) __syncwarp();
  uint32_t r[4];
  ldmatrix_x4(r, rows.at[thread()]);
  m.values[thread()] = __uint_as_float(r[0]);
}

// --- device memory -----------------------------------------------------------------------------

__global__ void past_the_end(FaultMemory m, bool broken) {
  const int i = static_cast<int>(blockIdx.x) * threads + thread();
  if (i < FaultMemory::count + (broken ? 1 : 0)) m.values[i] = 1.0f;
}

__global__ void misaligned_vector(FaultMemory m, bool broken) {
  const auto v = load_vector<4>(m.values + (broken ? thread() : thread() * 4));
  m.values[500 + thread()] = v.at[0];
}

__global__ void host_memory(FaultMemory m, bool broken) {
  m.values[thread()] = broken ? m.host[0] : 1.0f;
}

__global__ void uninitialised_global(FaultMemory m, bool broken) {
  if (!broken) m.unwritten[thread()] = 1.0f;
  m.values[thread()] = m.unwritten[thread()];
}

__global__ void global_in_a_block(FaultMemory m, bool broken) {
  m.values[thread()] = 1.0f;
  if (!broken) __syncthreads();
  m.values[200 + thread()] = m.values[(thread() + 32) % threads];
}

__global__ void global_between_blocks(FaultMemory m, bool broken) {
  m.values[(broken ? 0 : static_cast<int>(blockIdx.x) * threads) + thread()] = 1.0f;
}

__global__ void atomic_and_plain(FaultMemory m, bool broken) {
  if (broken && thread() == 0 && blockIdx.x == 1) {
    *m.counter = 5;
  } else {
    atomicAdd(m.counter, 1);
  }
}

// The last block adds up what all have left. Step `without` is left out: 1 the barrier before the
// fence, 2 the fence before the count, 3 the fence after it.
DEV void last_block_sums(const FaultMemory& m, int without) {
  SHARED(last, bool);
  m.values[static_cast<int>(blockIdx.x) * threads + thread()] = 1.0f;
  if (without != 1) __syncthreads();
  if (thread() == 0) {
    if (without != 2) __threadfence();
    last = atomicAdd(m.counter, 1) == static_cast<int>(gridDim.x) - 1;
    if (without != 3) __threadfence();
  }
  __syncthreads();
  if (!last) return;
  float sum = 0;
  for (int b = 0; b < static_cast<int>(gridDim.x); ++b) sum += m.values[b * threads + thread()];
  m.values[900 + thread()] = sum;
}
__global__ void last_block_without_barrier(FaultMemory m, bool broken) {
  last_block_sums(m, broken ? 1 : 0);
}
__global__ void last_block_without_release(FaultMemory m, bool broken) {
  last_block_sums(m, broken ? 2 : 0);
}
__global__ void last_block_without_acquire(FaultMemory m, bool broken) {
  last_block_sums(m, broken ? 3 : 0);
}

// -----------------------------------------------------------------------------------------------

template <auto Kernel, int Blocks>
void run(const FaultMemory& memory, bool broken) {
  launch(Kernel, {.grid = {Blocks}, .block = {threads}}, memory, broken);
}

void run_dynamic(const FaultMemory& memory, bool broken) {
  launch(dynamic_too_small,
         {.block = {threads}, .shared_bytes = broken ? sizeof(Large) / 2 : sizeof(Large)}, memory);
}

template <auto Kernel, int Blocks = 1>
FaultKernel row(const char* name, std::vector<Rule> rules) {
  return {name, std::move(rules), run<Kernel, Blocks>};
}

}  // namespace

// Where several rules stand, the schedule decides which is broken first.
std::span<const FaultKernel> fault_kernels() {
  static const std::vector<FaultKernel> all = {
      row<uninitialised_shared>("uninitialised_shared", {Rule::uninitialised}),
      row<read_before_write>("read_before_write", {Rule::shared_race}),
      row<write_before_read>("write_before_read", {Rule::shared_race}),
      row<lanes_without_order>("lanes_without_order", {Rule::shared_race, Rule::uninitialised}),
      row<shuffle_orders_nothing>("shuffle_orders_nothing", {Rule::shared_race}),
      row<neighbours>("neighbours", {Rule::shared_race}),
      row<past_shared>("past_shared", {Rule::bounds}),
      {"dynamic_too_small", {Rule::launch}, run_dynamic},
      row<copy_without_wait>("copy_without_wait", {Rule::async_in_flight}),
      row<copy_without_commit>("copy_without_commit", {Rule::async_in_flight}),
      row<copy_wait_too_shallow>("copy_wait_too_shallow", {Rule::async_in_flight}),
      row<copy_outlives_thread>("copy_outlives_thread", {Rule::exit_pending}),
      row<copy_seen_by_others>("copy_seen_by_others", {Rule::async_in_flight, Rule::shared_race}),
      row<copy_past_the_end>("copy_past_the_end", {Rule::bounds}),
      row<half_at_barrier>("half_at_barrier", {Rule::barrier}),
      row<different_barriers>("different_barriers", {Rule::deadlock}),
      row<different_counts>("different_counts", {Rule::barrier}),
      row<producers_arrive>("producers_arrive", {Rule::shared_race, Rule::uninitialised}),
      row<mbarrier_count_high>("mbarrier_count_high", {Rule::deadlock}),
      row<mbarrier_count_low>("mbarrier_count_low",
                              {Rule::deadlock, Rule::shared_race, Rule::uninitialised}),
      row<mbarrier_wrong_parity>("mbarrier_wrong_parity",
                                 {Rule::shared_race, Rule::uninitialised, Rule::deadlock}),
      row<mbarrier_init_not_ordered>("mbarrier_init_not_ordered", {Rule::mbarrier}),
      row<mbarrier_touched>("mbarrier_touched", {Rule::mbarrier}),
      row<lane_not_in_mask>("lane_not_in_mask", {Rule::collective}),
      row<lane_that_left>("lane_that_left", {Rule::collective}),
      row<different_collectives>("different_collectives", {Rule::collective}),
      row<ldmatrix_misaligned>("ldmatrix_misaligned", {Rule::alignment}),
      row<ldmatrix_unordered>("ldmatrix_unordered", {Rule::shared_race}),
      row<past_the_end, 11>("past_the_end", {Rule::bounds}),
      row<misaligned_vector>("misaligned_vector", {Rule::alignment}),
      row<host_memory>("host_memory", {Rule::host_pointer}),
      row<uninitialised_global>("uninitialised_global", {Rule::uninitialised}),
      row<global_in_a_block>("global_in_a_block", {Rule::global_race}),
      row<global_between_blocks, 2>("global_between_blocks", {Rule::global_race}),
      row<atomic_and_plain, 2>("atomic_and_plain", {Rule::global_race}),
      row<last_block_without_barrier, 9>("last_block_without_barrier", {Rule::global_race}),
      row<last_block_without_release, 9>("last_block_without_release", {Rule::global_race}),
      row<last_block_without_acquire, 9>("last_block_without_acquire", {Rule::global_race}),
  };
  return all;
}

}  // namespace gradus::sim_test
