// SPDX-License-Identifier: Apache-2.0
#include "engine/base/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace gradus {
namespace {

InstructionSet wanted() {
  const char* text = std::getenv("GRADUS_MAX_ISA");
  const std::string_view name = text ? text : "";
  if (name == "base") return InstructionSet::base;
  if (name == "avx2") return InstructionSet::avx2;
  return InstructionSet::avx512;
}

}  // namespace

InstructionSet widest_instruction_set() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return InstructionSet::base;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return InstructionSet::avx512;
  return InstructionSet::avx2;
#else
  return InstructionSet::base;
#endif
}

InstructionSet instruction_set() {
  static const InstructionSet set = std::min(widest_instruction_set(), wanted());
  return set;
}

}  // namespace gradus
