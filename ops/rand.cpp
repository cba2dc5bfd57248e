// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/random_fill.h"

namespace gradus {

OpDef rand_op() {
  return random_fill_op("rand",
                        "random numbers of shape size, uniform in [0, 1): multiples of 2^-24 from "
                        "the stream rng_path",
                        false);
}

}  // namespace gradus
