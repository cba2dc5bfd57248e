// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/tokenizer.h"

namespace gradus {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";
constexpr size_t longest_wait = 16;  // tokens that one character may need

}  // namespace

// Decoders look at what stands before a token, so that all since the last shown one are decoded
// again; the new text is what is longer.
std::string TextStream::add(int32_t id) {
  if (tokenizer_->is_bytes()) return tokenizer_->decode({&id, 1});
  ids_.push_back(id);
  const std::string before = tokenizer_->decode({ids_.data(), shown_});
  const std::string all = tokenizer_->decode(ids_);
  const bool waits = all.ends_with(replacement) && ids_.size() - shown_ < longest_wait;
  if (waits || all.size() <= before.size()) return {};
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<int64_t>(shown_));
  shown_ = ids_.size();
  return all.substr(before.size());
}

std::string TextStream::finish() {
  const std::string before = tokenizer_->decode({ids_.data(), shown_});
  const std::string all = tokenizer_->decode(ids_);
  shown_ = ids_.size();
  return all.size() > before.size() ? all.substr(before.size()) : "";
}

}  // namespace gradus
