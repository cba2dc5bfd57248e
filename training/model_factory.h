// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/dataset.h"
#include "models/model.h"
#include "training/recipe.h"

namespace gradus {

// The model that a recipe's model.* keys describe, for data of this kind. Throws invalid_argument
// where model and data do not fit: a language model on images, a network for images on text.
Model make_model(const Recipe& recipe, const Dataset& data);

// Whether the recipe wants one logit for two classes (data.task=binary). Its models give two
// logits all the same, of which the first is 0.
bool is_binary(const Recipe& recipe);

// The same for inputs of shape `sample` and `outputs` numbers or classes; not for text.
Model make_model(const Recipe& recipe, const Shape& sample, int64_t outputs);

// The same for text of `vocabulary` tokens in windows of `length`. Throws where the model takes
// something else.
Model make_language_model(const Recipe& recipe, int64_t vocabulary, int64_t length);

}  // namespace gradus
