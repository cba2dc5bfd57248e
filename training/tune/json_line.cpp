// SPDX-License-Identifier: Apache-2.0
#include "training/tune/json_line.h"

#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"

namespace gradus {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string json_text(std::string_view text) { return text_of(text); }

std::string json_number(double number) { return text_of(number); }

std::string json_list(std::span<const double> numbers) {
  return text_of(std::vector<double>(numbers.begin(), numbers.end()));
}

std::string json_list(std::span<const std::string> texts) {
  return text_of(std::vector<std::string>(texts.begin(), texts.end()));
}

// Turns what the parser made into members.
class JsonLineReader {
 public:
  explicit JsonLineReader(JsonLine& line) : line_(line) {}

  void read(std::string_view text) {
    std::set<std::string> names;
    const auto note = [&](int depth, Json::parse_event_t event, const Json& parsed) {
      if (event == Json::parse_event_t::key && depth == 1 &&
          !names.insert(parsed.get<std::string>()).second)
        line_.refuse(fmt::format("has {} twice", text_of(parsed)));
      return true;
    };
    Json object;
    try {
      object = Json::parse(text.begin(), text.end(), note);
    } catch (const Json::exception& error) {
      line_.refuse(fmt::format("is no JSON: {}", error.what()));
    }
    if (!object.is_object()) line_.refuse("is no object");
    for (const auto& [name, value] : object.items()) line_.members_[name] = member(value);
  }

 private:
  using Member = JsonLine::Member;

  Member member(const Json& value) {
    Member member;
    if (value.is_array()) {
      member.kind = Member::Kind::list;
      for (const Json& entry : value) add(member, entry);
    } else {
      add(member, value);
      member.kind = value.is_string() ? Member::Kind::text : Member::Kind::number;
    }
    return member;
  }

  void add(Member& member, const Json& value) {
    if (value.is_string())
      member.texts.push_back(value.get<std::string>());
    else if (value.is_number())
      member.numbers.push_back(value.get<double>());
    else if (value.is_null())
      member.numbers.push_back(std::numeric_limits<double>::quiet_NaN());
    else
      line_.refuse("expected texts, numbers and lists of one of them");
  }

  JsonLine& line_;
};

JsonLine::JsonLine(std::string_view line, std::string where) : where_(std::move(where)) {
  JsonLineReader(*this).read(line);
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
