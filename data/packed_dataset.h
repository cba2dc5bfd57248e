// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace gradus {

// How documents become samples of one length.
enum class Packing {
  stream,  // windows over all of them, one behind the other
  pack,    // as many as fit into a sample, each seeing itself alone
  pad,     // one a sample
  bucket,  // one a sample, which is as long as the least of some lengths that it fits into
};
std::optional<Packing> parse_packing(std::string_view name);

// Tokens of documents one behind the other; `ends` is where each ends.
struct Documents {
  std::vector<int32_t> tokens = {};
  std::vector<size_t> ends = {};

  void end() { ends.push_back(tokens.size()); }
};

// Where the parts of documents stand in samples: a part is a document, or `length` targets of a
// longer one, whose parts then count as documents of their own.
struct PackedPart {
  size_t begin;   // its first token
  int64_t count;  // targets: one less than tokens
  int64_t place;  // of its first token in the sample
};
// The parts of each sample. Longer parts are placed first, each in the sample where it leaves the
// least room; of equal ones the earlier. A document of fewer than two tokens has no target and is
// left out.
std::vector<std::vector<PackedPart>> packed_samples(const Documents& documents, int64_t length,
                                                    Packing packing);

// Samples (2, length): tokens, and the position of each in its document, 0 where one begins (of
// what fills a sample up, too). Targets are the next tokens, no_target behind the last.
// Under `bucket` samples are also handed out in the `buckets` lengths and in `length` itself
// (Dataset::lengths); no buckets: those that a quarter, half, three quarters and all of the
// documents fit into.
// Throws bad_data where no document has two tokens or a token is outside of [0, classes),
// invalid_argument for a bucket outside of [1, length].
std::unique_ptr<Dataset> make_packed_dataset(const std::string& name, Documents documents,
                                             int64_t length, Packing packing, int64_t classes,
                                             double tokens_per_character = 0,
                                             const std::vector<int64_t>& buckets = {});

// A target that counts in nothing.
inline constexpr int64_t no_target = -100;

}  // namespace gradus
