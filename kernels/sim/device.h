// SPDX-License-Identifier: Apache-2.0
// What kernel code sees in a simulated build: CUDA's keywords, indices and functions under their
// own names, and the models behind the wrappers of kernels/common/ in namespace gradus::sim.
//
// Every function here is out of line and not instrumented: its return address is the kernel's call
// site, and its own memory accesses are checked by hand where they are the kernel's.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : x(vx), y(vy), z(vz) {}
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

namespace gradus::sim {

__attribute__((const)) uint3 thread_index();
__attribute__((const)) uint3 block_index();
__attribute__((const)) uint3 block_extent();
__attribute__((const)) uint3 grid_extent();

}  // namespace gradus::sim

#define threadIdx (::gradus::sim::thread_index())
#define blockIdx (::gradus::sim::block_index())
#define blockDim (::gradus::sim::block_extent())
#define gridDim (::gradus::sim::grid_extent())
inline constexpr int warpSize = 32;

void __syncthreads();
void __syncwarp(unsigned mask = 0xffffffffu);
void __threadfence();
unsigned __ballot_sync(unsigned mask, int predicate);
int __any_sync(unsigned mask, int predicate);
int __all_sync(unsigned mask, int predicate);

int atomicAdd(int* address, int value);
unsigned atomicAdd(unsigned* address, unsigned value);
unsigned long long atomicAdd(unsigned long long* address, unsigned long long value);
float atomicAdd(float* address, float value);
double atomicAdd(double* address, double value);
int atomicMax(int* address, int value);
unsigned atomicMax(unsigned* address, unsigned value);
int atomicMin(int* address, int value);
unsigned atomicMin(unsigned* address, unsigned value);
unsigned atomicOr(unsigned* address, unsigned value);
unsigned atomicAnd(unsigned* address, unsigned value);
unsigned atomicInc(unsigned* address, unsigned limit);
int atomicExch(int* address, int value);
unsigned atomicExch(unsigned* address, unsigned value);
float atomicExch(float* address, float value);
unsigned atomicCAS(unsigned* address, unsigned expected, unsigned value);

namespace gradus::sim {

// --- shared memory ---------------------------------------------------------------------------
// The block's variable with this key (the address of a function-local static).
void* shared_variable(const void* key, uint32_t bytes, uint32_t alignment);
// The start of the block's dynamic shared memory, which must hold at least `bytes`.
void* dynamic_shared_memory(uint32_t bytes);
// The 32-bit shared address of a pointer into the block's window.
uint32_t shared_address(const void* pointer);

// --- warps -----------------------------------------------------------------------------------
enum ShuffleMode { shuffle_index, shuffle_up, shuffle_down, shuffle_xor };
uint64_t shuffle(uint32_t mask, uint64_t value, int mode, int argument, int width);

// --- memory ----------------------------------------------------------------------------------
// One access of `bytes` (1 to 16, a power of two) as a vector instruction makes it.
void load_vector(void* value, const void* address, uint32_t bytes);
void store_vector(void* address, const void* value, uint32_t bytes);

// cp.async: copies `source_bytes` from device to shared memory and zeros the rest of `bytes` (4, 8
// or 16), some time before the wait that covers its group.
void cp_async(void* shared, const void* global, uint32_t bytes, uint32_t source_bytes);
void cp_async_commit();
void cp_async_wait(uint32_t groups_left);  // all but the latest groups
void cp_async_wait_all();                  // committed or not

// --- barriers --------------------------------------------------------------------------------
void named_barrier_sync(uint32_t id, uint32_t threads);
void named_barrier_arrive(uint32_t id, uint32_t threads);

void mbarrier_init(uint64_t* barrier, uint32_t count);
void mbarrier_invalidate(uint64_t* barrier);
void mbarrier_arrive(uint64_t* barrier);
void mbarrier_arrive_expect(uint64_t* barrier, uint32_t bytes);
void mbarrier_wait(uint64_t* barrier, uint32_t parity);

// --- matrix units (lane l: g = l / 4, q = 2 (l % 4)) -------------------------------------------
// `count` (1, 2 or 4) 8x8 matrices of 16-bit elements; lane i gives the address of row i % 8 of
// matrix i / 8. Register m gets elements (g, q), (g, q+1) of matrix m, or (q, g), (q+1, g).
void ldmatrix(uint32_t* registers, const void* row, int count, bool transposed);

// d += a b. a: (g, q..q+1), (g+8, q..), (g, q+8..), (g+8, q+8..); b: (k = q..q+1, n = g), (k =
// q+8..); d: (g, q), (g, q+1), (g+8, q), (g+8, q+1).
void mma_m16n8k16_bf16(float* d, const uint32_t* a, const uint32_t* b);
void mma_m16n8k16_f16(float* d, const uint32_t* a, const uint32_t* b);
// a: (g, t), (g+8, t), (g, t+4), (g+8, t+4) with t = l % 4; b: (k = t, n = g), (k = t+4).
void mma_m16n8k8_tf32(float* d, const uint32_t* a, const uint32_t* b);

}  // namespace gradus::sim

// --- inline forms, which keep the call site --------------------------------------------------
namespace gradus::sim::detail {

template <class T>
__forceinline__ T shuffle(unsigned mask, T value, int mode, int argument, int width) {
  static_assert(sizeof(T) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = ::gradus::sim::shuffle(mask, bits, mode, argument, width);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

}  // namespace gradus::sim::detail

template <class T>
__forceinline__ T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
  return gradus::sim::detail::shuffle(mask, value, gradus::sim::shuffle_index, lane, width);
}
template <class T>
__forceinline__ T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  return gradus::sim::detail::shuffle(mask, value, gradus::sim::shuffle_up, int(delta), width);
}
template <class T>
__forceinline__ T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  return gradus::sim::detail::shuffle(mask, value, gradus::sim::shuffle_down, int(delta), width);
}
template <class T>
__forceinline__ T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) {
  return gradus::sim::detail::shuffle(mask, value, gradus::sim::shuffle_xor, lanes, width);
}

__forceinline__ int __popc(unsigned value) { return __builtin_popcount(value); }
__forceinline__ int __ffs(int value) { return __builtin_ffs(value); }
__forceinline__ int __clz(int value) { return value == 0 ? 32 : __builtin_clz(unsigned(value)); }
__forceinline__ float __expf(float value) { return expf(value); }
__forceinline__ float __logf(float value) { return logf(value); }
__forceinline__ float __fdividef(float a, float b) { return a / b; }
__forceinline__ float rsqrtf(float value) { return 1.0f / sqrtf(value); }
__forceinline__ unsigned __float_as_uint(float value) {
  return __builtin_bit_cast(unsigned, value);
}
__forceinline__ float __uint_as_float(unsigned value) { return __builtin_bit_cast(float, value); }
