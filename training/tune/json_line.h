// SPDX-License-Identifier: Apache-2.0
// A line of a file of JSON lines: an object whose members are texts, numbers, or lists of one of
// them. Only one file includes the parser, which takes seconds to compile.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// With its quotes. Bytes that are no UTF-8 become U+FFFD.
std::string json_text(std::string_view text);
// All digits; null for what is not finite.
std::string json_number(double number);
std::string json_list(std::span<const double> numbers);
std::string json_list(std::span<const std::string> texts);

// What a line says. Throws bad_data beginning with `where` for a line that is no such object, has a
// name twice, or goes on behind the object; members throw so where one is missing or of another
// type.
class JsonLine {
 public:
  JsonLine(std::string_view line, std::string where);

  const std::string& text(std::string_view name) const;
  double number(std::string_view name) const;  // null: NaN
  int64_t count(std::string_view name) const;  // an integer from 0 to 2^53
  const std::vector<double>& numbers(std::string_view name) const;
  const std::vector<std::string>& texts(std::string_view name) const;

 private:
  friend class JsonLineReader;
  struct Member {
    enum class Kind { text, number, list } kind = Kind::number;
    std::vector<std::string> texts = {};
    std::vector<double> numbers = {};
  };
  const Member& find(std::string_view name, Member::Kind kind, std::string_view expected) const;
  [[noreturn]] void refuse(std::string_view message) const;

  std::string where_;
  std::map<std::string, Member, std::less<>> members_;
};

}  // namespace gradus
