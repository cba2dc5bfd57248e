// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace gradus {

using Json = nlohmann::ordered_json;

// The members of a JSON object from outside, read strictly: what is missing, of another type or not
// asked for is an error of kind bad_data that begins with `where`.
class JsonFields {
 public:
  // Throws where `object` is none.
  JsonFields(const Json& object, std::string where);

  const std::string& where() const { return where_; }
  // Null where the member is absent or null.
  const Json* find(std::string_view name);
  const Json& need(std::string_view name);
  const std::string& text(std::string_view name);
  std::string text_or(std::string_view name, std::string_view otherwise);
  bool flag(std::string_view name);
  bool flag_or(std::string_view name, bool otherwise);
  int64_t integer(std::string_view name, int64_t least, int64_t most);
  // A text of one code point.
  char32_t letter(std::string_view name);
  // The members of the array of that name.
  const Json& list(std::string_view name);

  // Throws for a member that nobody asked for.
  void finish() const;

 private:
  [[noreturn]] void expect(std::string_view name, std::string_view what, const Json& got) const;

  const Json& object_;
  std::string where_;
  std::set<std::string, std::less<>> seen_;
};

}  // namespace gradus
