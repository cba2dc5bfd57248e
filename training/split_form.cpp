// SPDX-License-Identifier: Apache-2.0
#include "training/split_form.h"

#include "engine/base/error.h"

namespace gradus {

void check_split_form(const Recipe& recipe, const Dataset& training, const Dataset& other,
                      Split split) {
  const std::string& path = recipe.text("data.path");
  const auto expect_same = [&](std::string_view what, const std::string& expected,
                               const std::string& got) {
    if (got != expected)
      failf(ErrorKind::bad_data, path, "{} of the {} split, expected {} as in training, got {}",
            what, split_name(split), expected, got);
  };
  expect_same("inputs", to_string(training.sample_shape()), to_string(other.sample_shape()));
  const auto kind = [](const Dataset& data) { return data.classes() > 0 ? "classes" : "numbers"; };
  expect_same("targets", kind(training), kind(other));
  expect_same("targets", to_string(training.target_shape()), to_string(other.target_shape()));
  if (other.classes() > training.classes())
    failf(ErrorKind::bad_data, path, "the {} split has {} classes, training only {}",
          split_name(split), other.classes(), training.classes());
}

}  // namespace gradus
