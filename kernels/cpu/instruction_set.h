// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gradus::kernels {

// The widest vector code this build has that the running processor can execute. `GRADUS_MAX_ISA`
// (base, avx2 or avx512) in the environment lowers it, so that one machine can test every path.
enum class InstructionSet { base, avx2, avx512 };
InstructionSet instruction_set();

}  // namespace gradus::kernels
