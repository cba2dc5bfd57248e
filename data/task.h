// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace gradus {

// What is to be learnt of targets. classification: one of several classes; binary: one of two, by
// the logit of the second; multilabel: which of some labels, each 0 or 1, by a logit of each;
// regression: numbers; reconstruction: nothing of targets, the inputs themselves. automatic: what
// the targets look like.
enum class Task { automatic, classification, binary, multilabel, regression, reconstruction };

// By the name above, "auto" of the first.
std::optional<Task> parse_task(std::string_view name);

}  // namespace gradus
