// SPDX-License-Identifier: Apache-2.0
#include "engine/op/attributes.h"

#include <algorithm>
#include <numeric>

#include "engine/base/error.h"

namespace gradus {
namespace {

template <class T>
const T& value_of(const AttrValue& value, std::string_view op, std::string_view name) {
  const T* found = value.as<T>();
  GRADUS_ASSERT(found != nullptr, "[{}] attribute '{}' read as another type than declared", op,
                name);
  return *found;
}

// `value` in the declared type, or none where it cannot be.
AttrValue coerce(const AttrValue& value, AttrType type) {
  const int64_t* integer = value.as<int64_t>();
  const double* real = value.as<double>();
  const auto* integers = value.as<AttrValue::Integers>();
  switch (type) {
    case AttrType::boolean:
      return value.as<bool>() ? value : AttrValue();
    case AttrType::integer:
      return integer ? value : AttrValue();
    case AttrType::real:
      if (const bool* truth = value.as<bool>()) return AttrValue(*truth ? 1.0 : 0.0);
      return integer ? AttrValue(static_cast<double>(*integer)) : real ? value : AttrValue();
    case AttrType::text:
      return value.as<std::string>() ? value : AttrValue();
    case AttrType::dtype: {
      const auto* text = value.as<std::string>();
      return text && parse_dtype(*text) ? value : AttrValue();
    }
    case AttrType::integers_or_text:
      if (value.as<std::string>()) return value;
      [[fallthrough]];
    case AttrType::integers:
      if (integer) return AttrValue::Integers{*integer};
      if (const auto* reals = value.as<AttrValue::Reals>(); reals && reals->empty())
        return AttrValue::Integers{};
      return integers ? value : AttrValue();
    case AttrType::reals:
      if (integer) return AttrValue::Reals{static_cast<double>(*integer)};
      if (real) return AttrValue::Reals{*real};
      if (integers) return AttrValue::Reals(integers->begin(), integers->end());
      return value.as<AttrValue::Reals>() ? value : AttrValue();
  }
  return {};
}

// Letters to insert, leave out, replace or swap with their neighbour (optimal string alignment).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    before.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

template <class List>
std::string join(const List& list) {
  std::string text = "[";
  for (size_t i = 0; i < list.size(); ++i) text += fmt::format("{}{}", i ? ", " : "", list[i]);
  return text + "]";
}

}  // namespace

std::string_view attr_type_name(AttrType type) {
  switch (type) {
    case AttrType::boolean:
      return "bool";
    case AttrType::integer:
      return "int";
    case AttrType::real:
      return "float";
    case AttrType::text:
      return "string";
    case AttrType::integers:
      return "list of int";
    case AttrType::reals:
      return "list of float";
    case AttrType::dtype:
      return "dtype";
    case AttrType::integers_or_text:
      return "list of int or string";
  }
  return "?";
}

std::string to_string(const AttrValue& value) {
  if (const bool* v = value.as<bool>()) return *v ? "true" : "false";
  if (const int64_t* v = value.as<int64_t>()) return std::to_string(*v);
  if (const double* v = value.as<double>()) return fmt::format("{}", *v);
  if (const std::string* v = value.as<std::string>()) return "\"" + *v + "\"";
  if (const auto* v = value.as<AttrValue::Integers>()) return join(*v);
  if (const auto* v = value.as<AttrValue::Reals>()) return join(*v);
  return "none";
}

std::string_view nearest_name(std::string_view word,
                              const std::vector<std::string_view>& candidates) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(word.size() / 2, 1) + 1;
  for (std::string_view candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

Attrs::Attrs(std::string_view op, const std::vector<AttrSpec>& specs, const AttrList& given)
    : op_(op) {
  for (const NamedAttr& attr : given) {
    if (std::ranges::any_of(specs, [&](const AttrSpec& s) { return s.name == attr.first; }))
      continue;
    std::vector<std::string_view> names;
    for (const AttrSpec& spec : specs) names.push_back(spec.name);
    const std::string_view near = nearest_name(attr.first, names);
    GRADUS_CHECK(near.empty(), "[{}] unknown attribute '{}', did you mean '{}'?", op, attr.first,
                 near);
    GRADUS_CHECK(false, "[{}] unknown attribute '{}', expected one of {}", op, attr.first,
                 join(names));
  }
  for (const AttrSpec& spec : specs) {
    const auto found = std::ranges::find(given, spec.name, &NamedAttr::first);
    if (found == given.end()) {
      GRADUS_CHECK(!spec.required, "[{}] attribute '{}' ({}) is required", op, spec.name,
                   attr_type_name(spec.type));
      values_.emplace_back(spec.name, coerce(spec.default_value, spec.type));
      continue;
    }
    AttrValue value = coerce(found->second, spec.type);
    const bool none_is_legal = spec.default_value.is_none() && !spec.required;
    GRADUS_CHECK(!value.is_none() || (found->second.is_none() && none_is_legal),
                 "[{}] attribute '{}', expected {}, got {}", op, spec.name,
                 attr_type_name(spec.type), to_string(found->second));
    values_.emplace_back(spec.name, std::move(value));
  }
}

const AttrValue& Attrs::find(std::string_view name) const {
  const auto found = std::ranges::find(values_, name, &NamedAttr::first);
  GRADUS_ASSERT(found != values_.end(), "[{}] has no attribute '{}'", op_, name);
  return found->second;
}

bool Attrs::boolean(std::string_view name) const { return value_of<bool>(find(name), op_, name); }
int64_t Attrs::integer(std::string_view name) const {
  return value_of<int64_t>(find(name), op_, name);
}
double Attrs::real(std::string_view name) const { return value_of<double>(find(name), op_, name); }
const std::string& Attrs::text(std::string_view name) const {
  return value_of<std::string>(find(name), op_, name);
}
const std::vector<int64_t>& Attrs::integers(std::string_view name) const {
  return value_of<AttrValue::Integers>(find(name), op_, name);
}
const std::vector<double>& Attrs::reals(std::string_view name) const {
  return value_of<AttrValue::Reals>(find(name), op_, name);
}
DType Attrs::dtype(std::string_view name) const { return *parse_dtype(text(name)); }

std::vector<int64_t> expand_list(const std::vector<int64_t>& list, int count, std::string_view op,
                                 std::string_view attribute) {
  const size_t wanted = static_cast<size_t>(count);
  if (list.size() == 1) return std::vector<int64_t>(wanted, list[0]);
  GRADUS_CHECK(list.size() == wanted, "[{}] attribute '{}', expected 1 or {} numbers, got {}", op,
               attribute, count, list.size());
  return list;
}

}  // namespace gradus
