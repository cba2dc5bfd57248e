// SPDX-License-Identifier: Apache-2.0
#include "training/toml_reader.h"

#include <algorithm>
#include <tuple>

#include "engine/base/error.h"

namespace gradus {
namespace {

// What toml++ asserts of a text and does not hold.
struct TomlAssertion {
  std::string_view condition;
};
[[noreturn]] void assertion_failed(std::string_view condition) { throw TomlAssertion{condition}; }

}  // namespace
}  // namespace gradus

// toml++ 3.3 asserts what a malformed text can break (a line end behind '['), and with NDEBUG it
// lets the compiler assume it. Its assertions are checks of outside data here, in every build.
#undef NDEBUG
#define TOML_ASSERT(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::gradus::assertion_failed(#condition))
#include <toml++/toml.h>

namespace gradus {
namespace {

std::string place_of(const std::string& name, const toml::source_region& source) {
  return fmt::format("{}:{}:{}:", name, source.begin.line, source.begin.column);
}

KeyValue list_of(const toml::array& array, const std::string& place) {
  KeyValue::Integers list;
  for (const toml::node& entry : array) {
    const auto number = entry.value_exact<int64_t>();
    GRADUS_CHECK(number, "{} a list holds integers only", place);
    list.push_back(*number);
  }
  return list;
}

KeyValue value_of(const toml::node& node, const std::string& place) {
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* whole = node.as_integer()) return whole->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* array = node.as_array()) return list_of(*array, place);
  failf(ErrorKind::invalid_argument, "", "{} expected a boolean, number, text or list of integers",
        place);
}

// An empty table is an entry without a value: its name may be wrong too.
void collect(const toml::table& table, const std::string& prefix, const std::string& name,
             std::vector<TomlEntry>& entries) {
  for (const auto& [key, node] : table) {
    const std::string path = prefix + std::string(key.str());
    const std::string key_place = place_of(name, key.source());
    const auto line = static_cast<int64_t>(key.source().begin.line);
    const auto column = static_cast<int64_t>(key.source().begin.column);
    if (const toml::table* below = node.as_table()) {
      if (below->empty()) entries.push_back({path, {}, key_place, key_place, line, column});
      collect(*below, path + ".", name, entries);
      continue;
    }
    const std::string value_place = place_of(name, node.source());
    entries.push_back({path, value_of(node, value_place), key_place, value_place, line, column});
  }
}

}  // namespace

std::vector<TomlEntry> read_toml(const std::string& text, const std::string& name) {
  std::vector<TomlEntry> entries;
  try {
    collect(toml::parse(text), "", name, entries);
  } catch (const toml::parse_error& error) {
    failf(ErrorKind::invalid_argument, "", "{} {}", place_of(name, error.source()),
          error.description());
  } catch (const TomlAssertion& error) {
    failf(ErrorKind::invalid_argument, "", "{}: malformed TOML, the parser expected {}", name,
          error.condition);
  }
  std::ranges::sort(entries, {}, [](const TomlEntry& e) { return std::tie(e.line, e.column); });
  return entries;
}

}  // namespace gradus
