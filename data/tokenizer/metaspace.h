// SPDX-License-Identifier: Apache-2.0
// SentencePiece's form of spaces: a printable mark, also before the first word (Kudo and Richardson
// 2018).
#pragma once

#include <string>
#include <string_view>

#include "data/tokenizer/json_fields.h"

namespace gradus {

struct Metaspace {
  enum class Prepend { first, never, always };

  std::string mark;  // one code point
  Prepend prepend = Prepend::always;
  bool splits = true;  // before each mark
};

// From the members replacement, prepend_scheme, add_prefix_space, split of tokenizer.json.
Metaspace metaspace_of(JsonFields& fields);

// `text` with marks for spaces, and one at its beginning as `options` says, behind `out`.
void append_metaspace(std::string_view text, const Metaspace& options, bool at_start,
                      std::string& out);

}  // namespace gradus
