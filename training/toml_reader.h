// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "training/recipe_keys.h"

namespace gradus {

// One setting of a TOML text. Places are `NAME:LINE:COLUMN:`.
struct TomlEntry {
  std::string key;  // dotted through its tables
  KeyValue value;   // none: a table; of a list of texts, these with commas between
  std::string key_place;
  std::string value_place;
  int64_t line = 0, column = 0;
  bool list_of_texts = false;
  bool of_list = false;  // one member of a list, whose other members have entries of their own
};

// The settings of a TOML text, sorted by place. Throws invalid_argument beginning with the place
// for text that is not TOML and for values no key has (dates, arrays of tables, mixed lists).
// `lists_apart`: each member of a list, which may be a list itself, is an entry of its own; an
// empty list is refused then.
std::vector<TomlEntry> read_toml(const std::string& text, const std::string& name,
                                 bool lists_apart = false);

}  // namespace gradus
