// SPDX-License-Identifier: Apache-2.0
#include "engine/base/device_info.h"

namespace gradus {

std::string device_name(const DeviceInfo& info) {
  return info.type == DeviceType::cpu ? "cpu" : "cuda:" + std::to_string(info.index);
}

}  // namespace gradus
