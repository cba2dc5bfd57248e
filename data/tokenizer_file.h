// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "data/tokenizer/tokenizer.h"

namespace gradus {

// The tokenizer of a tokenizer.json; `path` may be "bytes". Throws as Tokenizer::parse and
// read_bytes.
std::shared_ptr<const Tokenizer> read_tokenizer(const std::string& path);

}  // namespace gradus
