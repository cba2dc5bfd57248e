// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/regex_syntax.h"

#include <cctype>

#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr std::string_view word = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";

class Translation {
 public:
  Translation(std::string_view pattern, std::string_view where) : in_(pattern), where_(where) {}

  std::string run() {
    while (at_ < in_.size()) step();
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    failf(ErrorKind::unsupported, where_, "the pattern '{}' has {}, which is not known", in_, what);
  }
  bool sees(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  void copy(size_t count) {
    out_ += in_.substr(at_, count);
    at_ += std::min(count, in_.size() - at_);
  }

  void step() {
    if (in_[at_] == '\\') return escape();
    if (in_[at_] == '[') return open_class();
    if (in_class_ && in_[at_] == ']') in_class_ = false;
    if (in_class_ && sees("&&")) refuse("&& in a class");
    if (!in_class_ && sees("(?")) return group();
    if (!in_class_ && in_[at_] == '{') return repetition();
    copy(1);
  }

  void open_class() {
    if (in_class_) refuse("a class within a class");
    in_class_ = true;
    copy(1);
    if (at_ < in_.size() && in_[at_] == '^') copy(1);
    if (at_ < in_.size() && in_[at_] == ']') refuse("']' at the beginning of a class");
  }

  // (?i:...), (?m:...), or such options for the whole pattern at its beginning.
  void group() {
    const bool first = at_ == 0;
    copy(2);
    std::string options;
    while (at_ < in_.size() && (std::isalpha(static_cast<unsigned char>(in_[at_])) || sees("-")))
      options += in_[at_++];
    for (char& option : options) {
      if (option == 'm')
        option = 's';
      else if (option != 'i' && option != 'x' && option != '-')
        refuse("the option " + std::string(1, option));
    }
    if (!options.empty() && sees(")") && !first) refuse("options in the middle");
    out_ += options;
  }

  void repetition() {
    if (sees("{,")) refuse("{,n}");
    size_t end = at_ + 1;
    while (end < in_.size() &&
           (std::isdigit(static_cast<unsigned char>(in_[end])) || in_[end] == ','))
      ++end;
    const bool counted = end > at_ + 1 && end < in_.size() && in_[end] == '}';
    if (counted && end + 1 < in_.size() && in_[end + 1] == '+') refuse("{n,m}+");
    copy(counted ? end + 1 - at_ : 1);
  }

  void put(size_t length, std::string_view outside, std::string_view inside) {
    out_ += in_class_ ? inside : outside;
    at_ += length;
  }

  void escape() {
    if (at_ + 1 == in_.size()) refuse("a backslash at its end");
    const char letter = in_[at_ + 1];
    const std::string all(word), set = "[" + all + "]";
    switch (letter) {
      case 's':
        return put(2, R"(\p{White_Space})", R"(\p{White_Space})");
      case 'S':
        return put(2, R"(\P{White_Space})", R"(\P{White_Space})");
      case 'd':
        return put(2, R"(\p{Nd})", R"(\p{Nd})");
      case 'D':
        return put(2, R"(\P{Nd})", R"(\P{Nd})");
      case 'w':
        return put(2, set, all);
      case 'h':
        return put(2, "[0-9A-Fa-f]", "0-9A-Fa-f");
      case 'v':
        return put(2, R"(\x0b)", R"(\x0b)");
      case 'W':
      case 'H':
        if (in_class_) refuse("a negated set in a class");
        return put(2, letter == 'H' ? "[^0-9A-Fa-f]" : "[^" + all + "]", "");
      case 'b':
        return put(2, fmt::format("(?:(?<={0})(?!{0})|(?<!{0})(?={0}))", set), R"(\x08)");
      case 'B':
        if (in_class_) refuse("\\B in a class");
        return put(2, fmt::format("(?:(?<={0})(?={0})|(?<!{0})(?!{0}))", set), "");
      case 'u':
        return code_point();
      case 'p':
      case 'P':
        return property();
      default:
        return plain_escape(letter);
    }
  }

  void code_point() {
    const std::string_view digits = in_.substr(std::min(at_ + 2, in_.size()), 4);
    for (const char c : digits)
      if (!std::isxdigit(static_cast<unsigned char>(c))) refuse("\\u without four digits");
    if (digits.size() != 4) refuse("\\u without four digits");
    out_ += fmt::format("\\x{{{}}}", digits);
    at_ += 6;
  }

  void property() {
    const size_t end = in_.find('}', at_);
    if (end == in_.npos || in_[at_ + 2] != '{') refuse("\\p without {name}");
    copy(end + 1 - at_);
  }

  void plain_escape(char letter) {
    const bool shared = std::string_view("nrtfaexAzZGKRX").find(letter) != std::string_view::npos;
    if (std::isalpha(static_cast<unsigned char>(letter)) && !shared)
      refuse("\\" + std::string(1, letter));
    copy(2);
  }

  std::string_view in_, where_;
  std::string out_;
  size_t at_ = 0;
  bool in_class_ = false;
};

}  // namespace

std::string pcre2_pattern(std::string_view pattern, std::string_view where) {
  return Translation(pattern, where).run();
}

}  // namespace gradus
