// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gradus {

// The vector code this build can have: AVX2 with FMA; AVX-512 F, DQ, BW and VL.
enum class InstructionSet { base, avx2, avx512 };

// What the running processor can execute.
InstructionSet widest_instruction_set();

// What kernels are chosen for: the widest, or less where `GRADUS_MAX_ISA` (base, avx2 or avx512) in
// the environment says so, so that one machine can test every path.
InstructionSet instruction_set();

}  // namespace gradus
