// SPDX-License-Identifier: Apache-2.0
#include "training/name_pattern.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace gradus {
namespace {

TEST(NamePattern, StarsStandForAnyText) {
  for (const auto& [pattern, name] :
       std::vector<std::pair<const char*, const char*>>{{"*", "fc1.weight"},
                                                        {"fc1.*", "fc1.weight"},
                                                        {"*.weight", "h.0.attn.weight"},
                                                        {"h.*.attn.*", "h.11.attn.c_proj.bias"},
                                                        {"fc?.weight", "fc1.weight"},
                                                        {"a**b", "ab"},
                                                        {"*a*a*", "banana"},
                                                        {"", ""}})
    EXPECT_TRUE(matches(pattern, name)) << pattern;
  for (const auto& [pattern, name] :
       std::vector<std::pair<const char*, const char*>>{{"fc1", "fc1.weight"},
                                                        {"fc?.weight", "fc12.weight"},
                                                        {"*.bias", "fc1.weight"},
                                                        {"", "a"},
                                                        {"?", ""},
                                                        {"*a*a*a*a*", "banana"}})
    EXPECT_FALSE(matches(pattern, name)) << pattern;
  // No exponential search.
  std::string stars;
  for (int i = 0; i < 40; ++i) stars += "*a";
  EXPECT_FALSE(matches(stars + "b", std::string(2000, 'a')));
}

}  // namespace
}  // namespace gradus
