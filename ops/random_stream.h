// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/op/op.h"
#include "kernels/random.h"

namespace gradus {

// The stream that a random op's attribute rng_path names.
inline kernels::RandomStream random_stream(const RunArgs& args) {
  return {args.rng, static_cast<uint64_t>(args.attrs.integer("rng_path"))};
}

}  // namespace gradus
