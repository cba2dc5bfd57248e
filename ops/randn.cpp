// SPDX-License-Identifier: Apache-2.0
#include "kernels/random.h"
#include "ops/op_list.h"
#include "ops/random_fill.h"
#include "ops/random_stream.h"

namespace gradus {
namespace {

void run(const RunArgs& args) {
  const TensorRef& out = args.out[0];
  kernels::random_normal_cpu({out.dtype, out.data, out.numel(), random_stream(args)});
}

}  // namespace

OpDef randn_op() {
  return random_fill_op(
      "randn", "random numbers of shape size from the normal distribution of mean 0 and variance 1",
      run);
}

}  // namespace gradus
