// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/exec/stepwise.h"
#include "engine/passes/passes.h"

namespace gradus {

// Runs a node on the CPU, for constant folding.
Evaluator host_evaluator();

// The standard passes with the host's evaluator: what a graph gets before an Executable is made of
// it.
GraphPtr prepare(GraphPtr graph);

}  // namespace gradus
