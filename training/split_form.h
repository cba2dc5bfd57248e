// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/sources.h"
#include "training/recipe.h"

namespace gradus {

// Throws bad_data naming the recipe's data.path where `other`, the split `split` of the data, does
// not have the form of the training split: shapes of inputs and targets, and classes or numbers.
void check_split_form(const Recipe& recipe, const Dataset& training, const Dataset& other,
                      Split split);

}  // namespace gradus
