// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace gradus {

// Why a run with this `device` has the device it has: "asked for", or what speaks for or against a
// GPU.
std::string device_reason(std::string_view device);

}  // namespace gradus
