// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "data/tokenizer/tokenizer.h"
#include "training/recipe.h"

namespace gradus {

// What makes the tokens of a recipe's texts, by data.tokenizer: a file, "bytes", "bpe:N" (learned
// from the training texts), or "auto": the tokenizer.json in the folder of the data where there is
// one, else bytes; of shards none then. Null for other data than texts, and for shards of which
// nothing is known. Throws as read_tokenizer and learn_tokenizer.
std::shared_ptr<const Tokenizer> load_tokenizer(const Recipe& recipe);

// How many tokens the recipe's texts may hold: those of the tokenizer, of shards data.vocabulary
// where it is given, and without either GPT-2's 50257.
int64_t vocabulary_of(const Recipe& recipe, const Tokenizer* tokenizer);

// The recipe of a run, whose texts go by the tokenizer that the run folder holds, if any. Throws as
// load_recipe.
Recipe load_run_recipe(const std::string& run);

}  // namespace gradus
