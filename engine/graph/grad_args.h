// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "engine/graph/value.h"

namespace gradus {

// What OpDef::grad gets: the node's inputs and outputs, and the gradients of its outputs (null
// where none flows).
struct GradArgs {
  std::vector<Value> in;
  std::vector<Value> out;
  std::vector<Value> dout;
  const Attrs& attrs;
  std::vector<bool>
      needs;  // which inputs a gradient is wanted for; computing others is wasted, not wrong

  bool has(size_t input) const { return input < in.size() && static_cast<bool>(in[input]); }
  bool wants(size_t input) const { return input < needs.size() && needs[input]; }
  // dout[i], or zeros of the output's shape where null.
  Value dout_or_zeros(size_t output) const;
};

}  // namespace gradus
