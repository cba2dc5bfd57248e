// SPDX-License-Identifier: Apache-2.0
#include "training/tune/space_reader.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "engine/base/error.h"
#include "training/recipe_names.h"
#include "training/toml_reader.h"

namespace gradus {
namespace {

constexpr double exact_integers = 0x1p53;
constexpr int64_t most_steps = 100'000;
const std::vector<std::string_view> range_names = {"min", "max", "scale", "type", "steps"};

// A key's entries: its choices, or by their names the members of its range.
struct Described {
  const RecipeKey* key = nullptr;
  std::string place;
  bool is_range = false;
  std::vector<TomlEntry> choices = {};
  std::map<std::string, TomlEntry, std::less<>> range = {};
};

[[noreturn]] void refuse(const std::string& place, const std::string& message) {
  fail(ErrorKind::invalid_argument, "", fmt::format("{} {}", place, message));
}

const RecipeKey& searched_key(const std::string& name, const std::string& place) {
  const RecipeKey& key = recipe_key_named(name, place);
  if (key.free_on_resume)
    refuse(place, fmt::format("'{}' cannot be searched: it says how a run runs, not what it trains",
                              name));
  return key;
}

void add_range_member(Described& to, const TomlEntry& entry, const std::string& member) {
  if (!std::ranges::count(range_names, member)) {
    const std::string_view near = nearest_name(member, range_names);
    refuse(
        entry.key_place,
        fmt::format("a range of '{}' has min, max, scale, type and steps, not '{}'{}", to.key->name,
                    member, near.empty() ? "" : fmt::format(", did you mean '{}'?", near)));
  }
  if (entry.of_list)
    refuse(entry.value_place, fmt::format("'{}' expected one value, got a list", entry.key));
  to.range[member] = entry;
}

// The keys in their order.
std::vector<Described> described(const std::vector<TomlEntry>& entries) {
  std::vector<Described> all;
  const auto find = [&](std::string_view name) {
    return std::ranges::find(all, name, [](const Described& d) { return d.key->name; });
  };
  for (const TomlEntry& entry : entries) {
    if (entry.value.is_none()) {
      if (!find_recipe_key(entry.key)) {
        const size_t dot = entry.key.rfind('.');
        if (dot != std::string::npos && find(entry.key.substr(0, dot)) != all.end())
          refuse(entry.key_place, fmt::format("a range holds no tables, got '{}'", entry.key));
        check_recipe_table(entry.key, entry.key_place);
        continue;
      }
      all.push_back({&searched_key(entry.key, entry.key_place), entry.key_place, true});
      continue;
    }
    const size_t dot = entry.key.rfind('.');
    const auto range = dot == std::string::npos ? all.end() : find(entry.key.substr(0, dot));
    if (range != all.end() && range->is_range) {
      add_range_member(*range, entry, entry.key.substr(dot + 1));
      continue;
    }
    const RecipeKey& key = searched_key(entry.key, entry.key_place);
    if (!entry.of_list)
      refuse(entry.value_place,
             fmt::format("'{}' expected a list of choices or a range as {{min = 1, max = 2}}, got "
                         "one value",
                         entry.key));
    if (find(key.name) == all.end()) all.push_back({&key, entry.key_place});
    find(key.name)->choices.push_back(entry);
  }
  return all;
}

std::vector<KeyValue> read_choices(const Described& d) {
  std::vector<KeyValue> values;
  for (const TomlEntry& entry : d.choices) {
    const KeyValue value = recipe_value(entry);
    if (std::ranges::count(values, value))
      refuse(entry.value_place,
             fmt::format("'{}' has the choice {} twice", d.key->name, to_string(value)));
    values.push_back(value);
  }
  return values;
}

// min or max: a number that the key may have.
double read_bound(const Described& d, const std::string& name) {
  const auto found = d.range.find(name);
  if (found == d.range.end())
    refuse(d.place, fmt::format("the range of '{}' has no {}", d.key->name, name));
  TomlEntry entry = found->second;
  const auto* whole = entry.value.as<int64_t>();
  const auto* real = entry.value.as<double>();
  if (!whole && !real)
    refuse(entry.value_place, fmt::format("{} of '{}' expected a number, got {}", name, d.key->name,
                                          to_string(entry.value)));
  const double number = whole ? static_cast<double>(*whole) : *real;
  const bool integers = d.key->type == AttrType::integer || d.key->type == AttrType::integers;
  if (integers && real && number == std::floor(number) && std::abs(number) <= exact_integers)
    entry.value = static_cast<int64_t>(number);  // 1e3
  entry.key = std::string(d.key->name);
  recipe_value(entry);
  return number;
}

// A member that is one of two words; the first where it is not there.
bool is_second_word(const Described& d, const std::string& name, std::string_view first,
                    std::string_view second) {
  const auto found = d.range.find(name);
  if (found == d.range.end()) return false;
  const auto* text = found->second.value.as<std::string>();
  if (!text || (*text != first && *text != second))
    refuse(found->second.value_place,
           fmt::format("{} of '{}' expected \"{}\" or \"{}\", got {}", name, d.key->name, first,
                       second, to_string(found->second.value)));
  return *text == second;
}

int64_t read_steps(const Described& d) {
  const auto found = d.range.find("steps");
  if (found == d.range.end()) return 0;
  const auto* steps = found->second.value.as<int64_t>();
  if (!steps || *steps < 1 || *steps > most_steps)
    refuse(found->second.value_place,
           fmt::format("steps of '{}' expected an integer from 1 to {}, got {}", d.key->name,
                       most_steps, to_string(found->second.value)));
  return *steps;
}

SearchDimension read_range(const Described& d) {
  const AttrType type = d.key->type;
  const bool integers = type == AttrType::integer || type == AttrType::integers;
  if (!integers && type != AttrType::real && type != AttrType::reals)
    refuse(d.place, fmt::format("'{}' is {}: expected a list of choices, not a range", d.key->name,
                                d.key->list ? "a list of texts" : attr_type_name(type)));
  SearchDimension range{.key = d.key, .low = read_bound(d, "min"), .high = read_bound(d, "max")};
  range.logarithmic = is_second_word(d, "scale", "linear", "log");
  range.whole = is_second_word(d, "type", "float", "int");
  range.steps = read_steps(d);
  if (integers && d.range.contains("type") && !range.whole)
    refuse(d.range.find("type")->second.value_place,
           fmt::format("'{}' is an integer, its range cannot be of floats", d.key->name));
  range.whole = range.whole || integers;
  if (!(range.low < range.high))
    refuse(d.place, fmt::format("the range of '{}' expected min < max, got {} and {}", d.key->name,
                                range.low, range.high));
  if (range.logarithmic && range.low <= 0)
    refuse(d.place, fmt::format("the range of '{}' is logarithmic: expected min above 0, got {}",
                                d.key->name, range.low));
  for (const double end : {range.low, range.high})
    if (range.whole && (end != std::floor(end) || std::abs(end) > exact_integers))
      refuse(d.place, fmt::format("the range of '{}' is of integers: expected such ends, got {}",
                                  d.key->name, end));
  return range;
}

}  // namespace

SearchSpace parse_search_space(const std::string& text, const std::string& name,
                               const Recipe& base) {
  std::vector<SearchDimension> dimensions;
  for (const Described& d : described(read_toml(text, name, true))) {
    if (d.is_range)
      dimensions.push_back(read_range(d));
    else
      dimensions.push_back({.key = d.key, .choices = read_choices(d)});
  }
  GRADUS_CHECK(!dimensions.empty(), "{}:1:1: a space expects at least one key, as lr = [0.1, 0.01]",
               name);
  return {std::move(dimensions), base};
}

}  // namespace gradus
