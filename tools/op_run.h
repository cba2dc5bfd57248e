// SPDX-License-Identifier: Apache-2.0
// One op run on tensors from outside: the work behind `gradus op run`.
#pragma once

#include <string_view>

#include "engine/io/safetensors.h"
#include "tools/op_case.h"

namespace gradus {

// Attributes of `op` from a JSON object. Lists of integers stay integers; "inf", "-inf" and "nan"
// are numbers where the attribute is one. Throws, naming op and attribute, for what is not JSON, an
// unknown attribute (with the nearest name), a wrong type, a key that occurs twice.
AttrList attributes_from_json(const OpDef& op, std::string_view json);

struct OpRequest {
  const OpDef* op = nullptr;
  AttrList attrs = {};
  // "0", "1", ... in argument order, absent optional inputs left out; and grad_output.M.
  NamedTensors tensors = {};
  bool gradient = false;
  uint64_t seed = 0;  // of random ops
  Device* device = &cpu_device();
};

// Outputs "0", "1", ...; with `gradient` also grad.N for each differentiable input: the gradient of
// sum(output * grad_output), grad_output being ones where it is not given (zeros for
// OpDef::extra_outputs). Throws for names that
// mean nothing, and what the op refuses.
NamedTensors run_request(const OpRequest& request);

}  // namespace gradus
