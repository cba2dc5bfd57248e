// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "data/sources.h"
#include "training/recipe.h"

namespace gradus {

// A part of the data of a run that has learnt: what stands now at the recipe's data.path, coded as
// training coded it by RUN/data.json, so that inputs and outputs keep their meaning. Classes go by
// their names, in whatever order they stand there now. Throws as load_data and load_data_card, and
// bad_data for samples of another shape, for numbers to predict of other names, and for classes
// that the run did not learn, which it lists. A run without data.json is coded by its data.
std::shared_ptr<const Dataset> load_run_data(const std::string& run, const Recipe& recipe,
                                             Split split);

// Refuses to go on with an unfinished run whose training data are coded in another way than those
// it began with. Throws invalid_argument that says what is different. `data`: the training part.
void check_same_data(const std::string& run, const Recipe& recipe, const Dataset& data);

}  // namespace gradus
