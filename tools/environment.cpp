// SPDX-License-Identifier: Apache-2.0
#include "tools/environment.h"

#include "engine/base/error.h"
#include "tools/command_line.h"

namespace gradus {

std::span<const EnvironmentVariable> environment_variables() {
  static constexpr EnvironmentVariable variables[] = {
      {"OMP_NUM_THREADS",
       "Threads that compute, where neither a recipe nor an option says how many. Without it: the "
       "processors that the process may use."},
      {"OMP_WAIT_POLICY", "How idle threads wait: active (fastest on free processors) or passive."},
      {"GRADUS_MAX_ISA",
       "The largest instruction set whose kernels are chosen: base, avx2 or avx512. For tests."},
      {"GRADUS_VARIANT",
       "The kernel variant that every op which has one of this name uses, e.g. onednn. For "
       "measurements and tests."},
  };
  return variables;
}

std::span<const ExitCode> exit_codes() {
  static const ExitCode codes[] = {
      {exit_success, "done"},
      {exit_failure, "the command ran and its answer is no"},
      {exit_code(ErrorKind::invalid_argument),
       "a wrong command line, attribute, shape, dtype, key or value"},
      {exit_code(ErrorKind::not_found), "a file, op, tensor, recipe or run that does not exist"},
      {exit_code(ErrorKind::bad_data), "a file from outside is corrupt, truncated or out of range"},
      {exit_code(ErrorKind::io),
       "the operating system refused: disk full, permission, short write"},
      {exit_code(ErrorKind::out_of_memory), "a plan or an allocation does not fit in memory"},
      {exit_code(ErrorKind::not_finite), "training met NaN or infinity"},
      {exit_code(ErrorKind::unsupported), "legal, but this build, device or op cannot do it"},
      {exit_code(ErrorKind::internal), "a defect of Gradus: please report it with the message"},
  };
  return codes;
}

}  // namespace gradus
