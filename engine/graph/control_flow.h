// SPDX-License-Identifier: Apache-2.0
// Nodes that hold graphs. They run in stepwise mode only (exec/stepwise.h) and have no gradient: a
// loop of known length that is to be trained is unrolled by the code that builds it. A body is a
// graph of its own, without states; its inputs and outputs are matched by position.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/graph/graph.h"

namespace gradus {

using BodyPtr = std::shared_ptr<Graph>;

// The outputs of `then_body` where `condition` (bool, one element) holds, else those of
// `else_body`; both read `captured` and must give the same specs.
std::vector<Value> if_else(Value condition, const std::vector<Value>& captured, BodyPtr then_body,
                           BodyPtr else_body);

// Runs `body` while its condition holds, at most `trip_count` (i64, one element) times; carried
// values keep their specs. Body: (iteration i64 (), carried..., captured...) -> (condition bool,
// carried...). Gives the carried values at the end.
std::vector<Value> loop(Value trip_count, Value condition, const std::vector<Value>& carried,
                        const std::vector<Value>& captured, BodyPtr body);

// Runs `body` once for each index of dim 0 of `scanned`, which all have the same size there.
// Body: (carried..., slices without dim 0..., captured...) -> (carried..., results...). Gives the
// carried values at the end, then each result stacked along a new dim 0.
std::vector<Value> scan(const std::vector<Value>& carried, const std::vector<Value>& scanned,
                        const std::vector<Value>& captured, BodyPtr body);

}  // namespace gradus
