// SPDX-License-Identifier: Apache-2.0
// What Unicode says of code points, and its normal forms (Unicode Standard Annex 15), of the
// version that utf8proc has.
#pragma once

#include <string>
#include <string_view>

namespace gradus {

enum class NormalForm { nfc, nfd, nfkc, nfkd };

// `text` is well-formed UTF-8.
std::string normal_form(std::string_view text, NormalForm form);

// Each code point by its own full mapping, whatever stands around it.
std::string lowercase(std::string_view text);

bool is_white_space(char32_t code);      // the property White_Space
bool is_punctuation(char32_t code);      // categories P*, and ASCII's symbols: $ + < = > ^ ` | ~
bool is_numeric(char32_t code);          // categories N*
bool is_mark(char32_t code);             // categories M*
bool is_nonspacing_mark(char32_t code);  // category Mn
bool is_word(char32_t code);             // Alphabetic, M*, Nd, Pc, Join_Control
bool is_other(char32_t code);            // categories Cc, Cf, Co
bool is_cjk_ideograph(char32_t code);    // the blocks that BERT takes for Chinese

}  // namespace gradus
