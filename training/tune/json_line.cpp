// SPDX-License-Identifier: Apache-2.0
#include "training/tune/json_line.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/base/utf8.h"

namespace gradus {
namespace {

void append_utf8(std::string& text, uint32_t point) {
  const auto add = [&](uint32_t byte) { text += static_cast<char>(byte); };
  if (point < 0x80) return add(point);
  if (point < 0x800) {
    add(0xC0 | point >> 6);
  } else if (point < 0x10000) {
    add(0xE0 | point >> 12);
    add(0x80 | (point >> 6 & 0x3F));
  } else {
    add(0xF0 | point >> 18);
    add(0x80 | (point >> 12 & 0x3F));
    add(0x80 | (point >> 6 & 0x3F));
  }
  add(0x80 | (point & 0x3F));
}

}  // namespace

// Reads one line from its beginning to its end (RFC 8259).
class JsonLineReader {
 public:
  JsonLineReader(std::string_view rest, JsonLine& line) : rest_(rest), line_(line) {}

  void read() {
    expect('{');
    if (!take('}')) {
      do {
        const std::string name = text();
        expect(':');
        if (!line_.members_.try_emplace(name, member()).second)
          line_.refuse(fmt::format("has '{}' twice", name));
      } while (take(','));
      expect('}');
    }
    skip_space();
    if (!rest_.empty()) line_.refuse("goes on behind its object");
  }

 private:
  using Member = JsonLine::Member;

  void skip_space() {
    const size_t next = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(std::min(next, rest_.size()));
  }
  bool take(char wanted) {
    skip_space();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) line_.refuse(fmt::format("expected '{}'", wanted));
  }
  char next() {
    if (rest_.empty()) line_.refuse("ends within a text");
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  uint32_t hexadecimal() {
    uint32_t value = 0;
    const auto [end, error] =
        std::from_chars(rest_.data(), rest_.data() + std::min<size_t>(4, rest_.size()), value, 16);
    if (error != std::errc() || end != rest_.data() + 4)
      line_.refuse("expected four hexadecimal digits");
    rest_.remove_prefix(4);
    return value;
  }

  uint32_t code_point() {
    const uint32_t high = hexadecimal();
    if (high < 0xD800 || high > 0xDFFF) return high;
    if (high > 0xDBFF || !rest_.starts_with("\\u")) line_.refuse("has half of a surrogate pair");
    rest_.remove_prefix(2);
    const uint32_t low = hexadecimal();
    if (low < 0xDC00 || low > 0xDFFF) line_.refuse("has half of a surrogate pair");
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  }

  std::string text() {
    expect('"');
    std::string result;
    for (char c = next(); c != '"'; c = next()) {
      if (static_cast<unsigned char>(c) < 0x20) line_.refuse("has a control character in a text");
      if (c != '\\') {
        result += c;
        continue;
      }
      constexpr std::string_view escapes = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
      c = next();
      const size_t at = escapes.find(c);
      if (at != std::string_view::npos)
        result += meanings[at];
      else if (c == 'u')
        append_utf8(result, code_point());
      else
        line_.refuse("has an unknown escape");
    }
    if (!is_utf8(result)) line_.refuse("is not UTF-8");
    return result;
  }

  double number() {
    if (rest_.starts_with("null")) {
      rest_.remove_prefix(4);
      return std::numeric_limits<double>::quiet_NaN();
    }
    double value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    // from_chars also knows "inf" and "nan", which JSON does not.
    if (error != std::errc() || !std::isfinite(value) || rest_.starts_with('.'))
      line_.refuse("expected a text, a number or a list of one of them");
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return value;
  }

  void add_scalar(Member& member) {
    skip_space();
    if (rest_.starts_with('"'))
      member.texts.push_back(text());
    else
      member.numbers.push_back(number());
  }

  Member member() {
    Member member;
    if (!take('[')) {
      add_scalar(member);
      member.kind = member.texts.empty() ? Member::Kind::number : Member::Kind::text;
      return member;
    }
    member.kind = Member::Kind::list;
    if (take(']')) return member;
    do {
      add_scalar(member);
    } while (take(','));
    expect(']');
    return member;
  }

  std::string_view rest_;
  JsonLine& line_;
};

std::string json_text(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const Utf8Sequence sequence = first_utf8_sequence(text);
    const char c = text.front();
    if (!sequence.whole)
      quoted += "\\ufffd";
    else if (c == '"' || c == '\\')
      quoted += fmt::format("\\{}", c);
    else if (static_cast<unsigned char>(c) < 0x20)
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      quoted += text.substr(0, sequence.length);
    text.remove_prefix(sequence.length);
  }
  return quoted + '"';
}

std::string json_number(double number) {
  return std::isfinite(number) ? fmt::format("{:.17g}", number) : "null";
}

std::string json_list(std::span<const double> numbers) {
  std::vector<std::string> parts;
  for (const double number : numbers) parts.push_back(json_number(number));
  return fmt::format("[{}]", fmt::join(parts, ","));
}

std::string json_list(std::span<const std::string> texts) {
  std::vector<std::string> parts;
  for (const std::string& text : texts) parts.push_back(json_text(text));
  return fmt::format("[{}]", fmt::join(parts, ","));
}

JsonLine::JsonLine(std::string_view line, std::string where) : where_(std::move(where)) {
  JsonLineReader(line, *this).read();
}

void JsonLine::refuse(std::string_view message) const {
  fail(ErrorKind::bad_data, where_, fmt::format("this line {}", message));
}

const JsonLine::Member& JsonLine::find(std::string_view name, Member::Kind kind,
                                       std::string_view expected) const {
  const auto found = members_.find(name);
  if (found == members_.end() || found->second.kind != kind)
    refuse(fmt::format("expected '{}', {}", name, expected));
  return found->second;
}

const std::string& JsonLine::text(std::string_view name) const {
  return find(name, Member::Kind::text, "a text").texts[0];
}

double JsonLine::number(std::string_view name) const {
  return find(name, Member::Kind::number, "a number").numbers[0];
}

int64_t JsonLine::count(std::string_view name) const {
  const double value = number(name);
  if (!(value >= 0) || value > 0x1p53 || value != std::floor(value))
    refuse(fmt::format("expected '{}', a count", name));
  return static_cast<int64_t>(value);
}

const std::vector<double>& JsonLine::numbers(std::string_view name) const {
  const Member& member = find(name, Member::Kind::list, "a list of numbers");
  if (!member.texts.empty()) refuse(fmt::format("expected '{}', a list of numbers", name));
  return member.numbers;
}

const std::vector<std::string>& JsonLine::texts(std::string_view name) const {
  const Member& member = find(name, Member::Kind::list, "a list of texts");
  if (!member.numbers.empty()) refuse(fmt::format("expected '{}', a list of texts", name));
  return member.texts;
}

}  // namespace gradus
