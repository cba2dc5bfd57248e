// SPDX-License-Identifier: Apache-2.0
#include "tools/device_reason.h"

#include "engine/base/version.h"
#include "engine/device/cuda/cuda_device.h"

namespace gradus {

std::string device_reason(std::string_view device) {
  if (device != "auto") return "asked for";
  if constexpr (std::string_view(build_cuda) == "OFF") {
    return "this build is for the CPU alone";
  } else {
    const std::string why = why_not_cuda();
    return why.empty() ? "the first GPU" : why;
  }
}

}  // namespace gradus
