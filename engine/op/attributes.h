// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/base/dtype.h"
#include "engine/base/shape.h"

namespace gradus {

enum class AttrType { boolean, integer, real, text, integers, reals, dtype, integers_or_text };
std::string_view attr_type_name(AttrType type);

// The value of one attribute, or none (PyTorch's None).
class AttrValue {
 public:
  using Integers = std::vector<int64_t>;
  using Reals = std::vector<double>;

  AttrValue() = default;
  AttrValue(bool value) : value_(value) {}
  AttrValue(int value) : value_(int64_t{value}) {}
  AttrValue(int64_t value) : value_(value) {}
  AttrValue(double value) : value_(value) {}
  AttrValue(const char* value) : value_(std::string(value)) {}
  AttrValue(std::string value) : value_(std::move(value)) {}
  AttrValue(std::string_view value) : value_(std::string(value)) {}
  AttrValue(DType value) : value_(std::string(dtype_name(value))) {}
  AttrValue(Integers value) : value_(std::move(value)) {}
  AttrValue(Reals value) : value_(std::move(value)) {}
  AttrValue(const Shape& value) : value_(Integers(value.begin(), value.end())) {}
  static AttrValue none() { return {}; }

  bool is_none() const { return std::holds_alternative<std::monostate>(value_); }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&value_);
  }
  friend bool operator==(const AttrValue&, const AttrValue&) = default;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Integers, Reals> value_;
};

std::string to_string(const AttrValue& value);

// One attribute of an op. Without a default and with `required` the caller must give it; a default
// of none means that none is a legal value.
struct AttrSpec {
  std::string_view name;
  AttrType type;
  AttrValue default_value = {};
  bool required = false;
};

using NamedAttr = std::pair<std::string_view, AttrValue>;
using AttrList = std::vector<NamedAttr>;

// The attributes of one node: a value for every AttrSpec of its op, checked and in its declared
// type.
class Attrs {
 public:
  Attrs() = default;
  // Fills defaults, turns an integer into a real or a one-element list where the type asks for it,
  // and throws, naming `op`, for an unknown name (with the nearest known one), a wrong type or a
  // missing required attribute.
  Attrs(std::string_view op, const std::vector<AttrSpec>& specs, const AttrList& given);

  bool has(std::string_view name) const {
    return !find(name).is_none();
  }  // false: the value is none
  bool boolean(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  const std::vector<int64_t>& integers(std::string_view name) const;
  const std::vector<double>& reals(std::string_view name) const;
  DType dtype(std::string_view name) const;
  const AttrValue& find(std::string_view name) const;

  // All, in declared order.
  const std::vector<NamedAttr>& all() const { return values_; }
  friend bool operator==(const Attrs&, const Attrs&) = default;

 private:
  std::string_view op_;
  std::vector<NamedAttr> values_;
};

// `list` with exactly `count` entries: one entry is repeated. Throws, naming op and attribute, for
// another length.
std::vector<int64_t> expand_list(const std::vector<int64_t>& list, int count, std::string_view op,
                                 std::string_view attribute);

// The candidate closest to `word` in edit distance, or empty where none is close: for "did you
// mean".
std::string_view nearest_name(std::string_view word,
                              const std::vector<std::string_view>& candidates);

}  // namespace gradus
