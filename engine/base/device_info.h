// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace gradus {

enum class DeviceType : uint8_t { cpu, cuda };

// Plain facts about a device, for heuristics and messages.
struct DeviceInfo {
  DeviceType type = DeviceType::cpu;
  int index = 0;
  std::string name;
  int compute_capability = 0;  // 80, 90, ...; 0 on the CPU
  int multiprocessors = 0;     // cores on the CPU
  int64_t memory_bytes = 0;
  int64_t shared_memory_per_block = 0;
  bool avx2 = false;
  bool avx512 = false;
};

// "cpu", "cuda:0".
std::string device_name(const DeviceInfo& info);

}  // namespace gradus
