// SPDX-License-Identifier: Apache-2.0
#include "tools/commands.h"

namespace gradus {

std::vector<Command> all_commands() {
  return {train_command(),
          eval_command(),
          predict_command(),
          generate_command(),
          plan_command(),
          tune_command(),
          learning_curve_command(),
          find_command(),
          profile_command(),
          runs_command(),
          model_command(),
          config_command(),
          data_command(),
          ls_command(),
          cp_command(),
          op_command(),
          bench_command(),
          completion_command(),
          man_command(),
          doctor_command(),
          selftest_command(),
          version_command()};
}

}  // namespace gradus
