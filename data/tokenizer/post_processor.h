// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/tokenizer/json_fields.h"

namespace gradus {

// The tokens that stand before and behind those of a text.
struct Frame {
  std::vector<int32_t> before, behind;
};

// What the post-processor that tokenizer.json describes puts around one text: ByteLevel (nothing),
// TemplateProcessing (its form for a single text, which holds that once), BertProcessing,
// RobertaProcessing, or a Sequence of such. Throws as make_normalizer.
Frame frame_of(const Json& json, const std::string& where, int depth = 0);

}  // namespace gradus
