// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/tokenizer/normalizer.h"

namespace gradus {

// BERT's cleaning (Devlin et al. 2018, BasicTokenizer): without controls, spaces for white space
// and around Chinese characters, lower case, without accents; members clean_text,
// handle_chinese_chars, strip_accents (null: as lowercase) and lowercase.
std::unique_ptr<Normalizer> make_bert_normalizer(JsonFields& fields);

}  // namespace gradus
