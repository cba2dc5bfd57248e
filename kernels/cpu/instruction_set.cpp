// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/instruction_set.h"

#include <cstdlib>
#include <string_view>

namespace gradus::kernels {
namespace {

InstructionSet widest() {
#if defined(__x86_64__) || defined(__i386__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return InstructionSet::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return InstructionSet::avx2;
#endif
  return InstructionSet::base;
}

InstructionSet detect() {
  const InstructionSet found = widest();
  const char* text = std::getenv("GRADUS_MAX_ISA");
  const std::string_view wanted = text ? text : "";
  if (wanted == "base") return InstructionSet::base;
  if (wanted == "avx2" && found == InstructionSet::avx512) return InstructionSet::avx2;
  return found;
}

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet set = detect();
  return set;
}

}  // namespace gradus::kernels
