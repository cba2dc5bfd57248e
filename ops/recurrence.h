// SPDX-License-Identifier: Apache-2.0
// What recurrence and its backward op share.
#pragma once

#include "engine/op/op.h"
#include "kernels/recurrence.h"

namespace gradus {

std::vector<AttrSpec> recurrence_attributes();

// From hx (batch, hidden) or a state (steps, batch, hidden) and the attributes mode and reverse.
kernels::RecurrenceShape recurrence_shape(std::string_view op, int64_t steps, const Shape& hx,
                                          const Attrs& attrs);

// Throws unless input `position` is absent or of `expected`.
void expect_spec(const InferArgs& args, size_t position, std::string_view name,
                 const TensorSpec& expected);

// The lengths' data, each checked to lie in [0, steps]; null where absent.
const int64_t* checked_lengths(const TensorRef& lengths, int64_t steps, std::string_view op);

}  // namespace gradus
