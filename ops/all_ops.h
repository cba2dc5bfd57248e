// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gradus {

// Registers every op of ops/op_list.inc and kernels/elementwise.inc. Call once at start-up; later
// calls do nothing.
void register_all_ops();

}  // namespace gradus
