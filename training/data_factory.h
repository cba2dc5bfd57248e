// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/sources.h"
#include "training/recipe.h"

namespace gradus {

// The split of the data that a recipe's data.* keys name. Null where the split has no samples.
// Throws not_found and bad_data.
std::shared_ptr<const Dataset> load_data(const Recipe& recipe, Split split);

}  // namespace gradus
