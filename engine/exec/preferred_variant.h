// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace gradus {

// The name of the kernel variant that runs wherever an op has one of that name which takes the
// call, instead of the first that does; empty: no such wish. At first what `GRADUS_VARIANT` in the
// environment says: a way to measure or check one kind of kernels (onednn, reference) throughout.
// Throws Error(not_found) for a name that no registered op has, with the nearest one.
const std::string& preferred_variant();

// Throws as above. Not while kernels are being chosen in other threads.
void set_preferred_variant(std::string_view name);

}  // namespace gradus
