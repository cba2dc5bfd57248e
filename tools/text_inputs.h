// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace gradus {

// A file of texts that a user named, and the part of the data that it is for.
struct TextInput {
  std::string path;
  std::string part;  // "train", "val", "test"; empty: to be divided
};

// The files themselves, and of folders the .txt and .jsonl files (also with .gz) in them, by name;
// those in folders whose names begin with a part's are for it. Throws not_found for a path that is
// not there or a folder without texts, bad_data for a file with another ending.
std::vector<TextInput> text_inputs(const std::vector<std::string>& paths);

}  // namespace gradus
