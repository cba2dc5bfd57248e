// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/base/philox.h"
#include "engine/base/stream_handle.h"

namespace gradus::kernels {

// The random stream of one op: element i takes word i of the stream (philox_word), whatever the
// device, the number of threads and the dtype.
struct RandomStream {
  const RngState* rng;  // on the device
  uint64_t path;
};

// uniform:   out[i] = uniform_float(word i), in [0, 1): multiples of 2^-24
// normal:    out[2j], out[2j+1] = r cos(a), r sin(a) with r = sqrt(-2 log((word 2j + 1/2) / 2^32)),
//            a = 2 pi (word 2j+1) / 2^32 (Box and Muller 1958); at most 6.7 in magnitude
// Requires: dtype f32 or f64; the stream.
struct RandomArgs {
  DType dtype;
  void* out;
  int64_t n;
  RandomStream stream;
};

void random_uniform_cpu(const RandomArgs& args);
void random_normal_cpu(const RandomArgs& args);
// f64, f32, f16, bf16. Uniform numbers have the CPU's bits; normal ones differ by CUDA's logarithm
// and cosine.
void random_uniform_cuda(const RandomArgs& args, StreamHandle stream);
void random_normal_cuda(const RandomArgs& args, StreamHandle stream);

// out[i] = uniform_float(word i) < p[i]. Throws Error(bad_data) naming the position of a p outside
// [0, 1].
struct BernoulliArgs {
  DType dtype;
  const void* p;
  void* out;
  int64_t n;
  RandomStream stream;
};

void bernoulli_cpu(const BernoulliArgs& args);

// out[i] = uniform_float(word i) >= p ? x[i] / (1 - p) : 0; all zeros for p = 1. The mask is not
// stored: the gradient draws it again. Requires: 0 <= p <= 1. out may be the memory of x.
struct DropoutArgs {
  DType dtype;
  const void* x;
  void* out;
  int64_t n;
  double p;
  RandomStream stream;
};

void dropout_cpu(const DropoutArgs& args);
// f64, f32, f16, bf16; the same elements are dropped.
void dropout_cuda(const DropoutArgs& args, StreamHandle stream);

}  // namespace gradus::kernels
