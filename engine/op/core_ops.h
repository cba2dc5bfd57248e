// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace gradus {

// The few ops that the engine itself emits, by name; check_core_ops() runs when ops are registered.
namespace core_op {
inline constexpr std::string_view add = "add";
inline constexpr std::string_view barrier = "barrier";
inline constexpr std::string_view cast = "cast";
inline constexpr std::string_view full = "full";
inline constexpr std::string_view fused = "fused";
inline constexpr std::string_view mean = "mean";
inline constexpr std::string_view permute = "permute";
inline constexpr std::string_view reshape = "reshape";
inline constexpr std::string_view sum = "sum";
}  // namespace core_op

inline constexpr std::array core_op_names{core_op::add,     core_op::barrier, core_op::cast,
                                          core_op::full,    core_op::fused,   core_op::mean,
                                          core_op::permute, core_op::reshape, core_op::sum};

// Throws Error(internal) naming the first that is missing.
void check_core_ops();

}  // namespace gradus
