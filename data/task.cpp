// SPDX-License-Identifier: Apache-2.0
#include "data/task.h"

namespace gradus {

std::optional<Task> parse_task(std::string_view name) {
  if (name == "auto") return Task::automatic;
  if (name == "classification") return Task::classification;
  if (name == "binary") return Task::binary;
  if (name == "multilabel") return Task::multilabel;
  if (name == "regression") return Task::regression;
  if (name == "reconstruction") return Task::reconstruction;
  return {};
}

}  // namespace gradus
