// SPDX-License-Identifier: Apache-2.0
// What sort and topk share: outputs are values and their i64 indices along dim.
#pragma once

#include "engine/graph/grad_args.h"
#include "engine/op/op.h"

namespace gradus {

void run_sort(const RunArgs& args, bool descending);
int64_t sort_workspace(const KernelQuery& query);
// The values' gradient goes back to where they came from.
std::vector<Value> sort_gradient(GradArgs& args);
Cost sort_cost(const KernelQuery& query);

}  // namespace gradus
