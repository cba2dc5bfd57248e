// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace gradus {

// The 128-bit XXH3 of a sequence of bytes (xxHash specification, seed 0). It finds damage, not
// forgery: whoever changes a file on purpose can compute it as well.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  ContentHash(const ContentHash&) = delete;
  ContentHash& operator=(const ContentHash&) = delete;

  void add(std::string_view bytes);
  // Of all bytes so far: 32 lowercase hexadecimal digits, the most significant first.
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string content_hash(std::string_view bytes);

}  // namespace gradus
