// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "engine/graph/value.h"

namespace gradus {

// Adds nodes that compute the gradient of sum(target * seed) with respect to each value of `wrt`,
// by a reverse walk over OpDef::grad. `seed` is ones where null. The results are ordinary values of
// the same graph, so gradients of gradients work. A value that the target does not depend on gives
// a null gradient. Throws, naming the op, where the only way from the target to a value of `wrt`
// goes through an op without a gradient.
std::vector<Value> gradients(Value target, std::span<const Value> wrt, Value seed = {});
// The same for several targets at once: of the sum over targets.
std::vector<Value> gradients(std::span<const Value> targets, std::span<const Value> seeds,
                             std::span<const Value> wrt);

// Hessian of `target` (one element) with respect to `wrt`, times `vectors` (one per value of wrt;
// same shapes), without forming it: the gradient of <gradient, vector>.
std::vector<Value> hessian_vector_product(Value target, std::span<const Value> wrt,
                                          std::span<const Value> vectors);

}  // namespace gradus
