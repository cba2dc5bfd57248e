// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "engine/base/version.h"
#include "engine/op/op.h"

namespace gradus {

// The CUDA kernels of an op: what `rows` gives in builds that have them, nothing in others. `rows`
// is a generic lambda and names templates by its argument's type, so that without CUDA nothing of
// them is compiled, at any level of optimisation.
template <class Rows>
std::vector<KernelVariant> cuda_variants([[maybe_unused]] Rows rows) {
  if constexpr (std::string_view(build_cuda) == "OFF") {
    return {};
  } else {
    return rows(0);
  }
}

// For variants that compute in floating types only.
inline bool computes_floats(const KernelQuery& query) {
  return contains(float_types, query.in[0].dtype);
}

}  // namespace gradus
