// SPDX-License-Identifier: Apache-2.0
#include "kernels/random.h"
#include "ops/op_list.h"
#include "ops/random_fill.h"
#include "ops/random_stream.h"

namespace gradus {
namespace {

void run(const RunArgs& args) {
  const TensorRef& out = args.out[0];
  kernels::random_uniform_cpu({out.dtype, out.data, out.numel(), random_stream(args)});
}

}  // namespace

OpDef rand_op() {
  return random_fill_op("rand",
                        "random numbers of shape size, uniform in [0, 1): multiples of 2^-24 from "
                        "the stream rng_path",
                        run);
}

}  // namespace gradus
