// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/utf8.h"
#include "engine/io/safetensors.h"

namespace gradus {
namespace {

struct FormatDType {
  std::string_view name;
  int bits;
  std::optional<DType> dtype;
};

constexpr std::array<FormatDType, 20> format_dtypes = {{
    {"F64", 64, DType::f64},      {"F32", 32, DType::f32},       {"F16", 16, DType::f16},
    {"BF16", 16, DType::bf16},    {"I64", 64, DType::i64},       {"I32", 32, DType::i32},
    {"I16", 16, DType::i16},      {"I8", 8, DType::i8},          {"U64", 64, DType::u64},
    {"U32", 32, DType::u32},      {"U16", 16, DType::u16},       {"U8", 8, DType::u8},
    {"BOOL", 8, DType::bool_},    {"F8_E4M3", 8, DType::f8e4m3}, {"F8_E5M2", 8, DType::f8e5m2},
    {"F8_E8M0", 8, std::nullopt}, {"C64", 64, std::nullopt},     {"F6_E2M3", 6, std::nullopt},
    {"F6_E3M2", 6, std::nullopt}, {"F4", 4, std::nullopt},
}};

// Builds the header from the JSON events, so that duplicate keys are seen and nothing nests deeper
// than the format allows. Every event returns true or throws.
class HeaderBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderBuilder(std::string_view source) : source_(source) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool null() override { return wrong_value("null"); }
  bool boolean(bool) override { return wrong_value("a boolean"); }
  bool number_integer(number_integer_t) override { return wrong_value("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return wrong_value("a number that is not an integer");
  }
  bool binary(binary_t&) override { return wrong_value("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::shape && place_ != Place::offsets) return wrong_value("a number");
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      refuse("tensor '{}', a number of {} is too large: {}", tensor_, field_, value);
    numbers_.push_back(static_cast<int64_t>(value));
    return true;
  }

  bool string(string_t& text) override {
    if (place_ == Place::metadata) {
      header_.metadata[field_] = text;
    } else if (place_ == Place::entry && field_ == "dtype") {
      entry_.format_dtype = text;
    } else {
      return wrong_value("a string");
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::start) {
      place_ = Place::top;
    } else if (place_ == Place::top) {
      place_ = tensor_ == "__metadata__" ? Place::metadata : Place::entry;
      entry_ = {};
      fields_.clear();
    } else {
      return wrong_value("an object");
    }
    return true;
  }

  bool key(string_t& name) override {
    if (place_ == Place::top) {
      if (header_.entries.contains(name) || (name == "__metadata__" && has_metadata_))
        refuse("the key '{}' occurs twice", name);
      has_metadata_ |= name == "__metadata__";
      tensor_ = name;
      return true;
    }
    if (std::ranges::find(fields_, name) != fields_.end())
      refuse("'{}', the key '{}' occurs twice", tensor_, name);
    fields_.push_back(name);
    field_ = name;
    if (place_ == Place::entry && name != "dtype" && name != "shape" && name != "data_offsets")
      refuse("tensor '{}', unknown field '{}', expected dtype, shape and data_offsets", tensor_,
             name);
    return true;
  }

  bool end_object() override {
    if (place_ == Place::entry) {
      if (fields_.size() != 3)
        refuse("tensor '{}', expected the fields dtype, shape and data_offsets, got {}", tensor_,
               fields_.size());
      header_.entries[tensor_] = entry_;
    }
    place_ = place_ == Place::top ? Place::end : Place::top;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::entry || field_ == "dtype") return wrong_value("a list");
    place_ = field_ == "shape" ? Place::shape : Place::offsets;
    numbers_.clear();
    return true;
  }

  bool end_array() override {
    if (place_ == Place::shape) {
      entry_.sizes = numbers_;
    } else {
      if (numbers_.size() != 2)
        refuse("tensor '{}', data_offsets, expected [begin, end], got {} numbers", tensor_,
               numbers_.size());
      entry_.begin = numbers_[0];
      entry_.end = numbers_[1];
    }
    place_ = Place::entry;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    refuse("the header is not valid JSON at byte {}", position);
  }

 private:
  enum class Place { start, top, metadata, entry, shape, offsets, end };

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    failf(ErrorKind::bad_data, source_, format, std::forward<Args>(args)...);
  }

  [[noreturn]] bool wrong_value(std::string_view got) const {
    switch (place_) {
      case Place::metadata:
        refuse("__metadata__, '{}', expected a string, got {}", field_, got);
      case Place::top:
        refuse("'{}', expected an object, got {}", tensor_, got);
      case Place::entry:
        refuse("tensor '{}', field '{}', expected {}, got {}", tensor_, field_,
               field_ == "dtype" ? "a string" : "a list of integers", got);
      case Place::shape:
      case Place::offsets:
        refuse("tensor '{}', field '{}', expected integers of at least 0, got {}", tensor_, field_,
               got);
      default:
        refuse("the header, expected an object, got {}", got);
    }
  }

  std::string_view source_;
  SafetensorsHeader header_;
  Place place_ = Place::start;
  std::string tensor_, field_;
  std::vector<std::string> fields_;
  std::vector<int64_t> numbers_;
  SafetensorsEntry entry_;
  bool has_metadata_ = false;
};

// Checks dtype, shape and length of one entry and fills in its dtype.
void check_entry(const std::string& name, SafetensorsEntry& entry, std::string_view source) {
  const auto known = std::ranges::find(format_dtypes, entry.format_dtype, &FormatDType::name);
  if (known == format_dtypes.end())
    failf(ErrorKind::bad_data, source, "tensor '{}', unknown dtype '{}'", name, entry.format_dtype);
  entry.dtype = known->dtype;
  // As the format's own reader multiplies: sizes in order, then the bits of an element. So a shape
  // may overflow although it has no elements.
  int64_t bits = 1;
  bool overflows = false;
  for (int64_t size : entry.sizes) overflows |= __builtin_mul_overflow(bits, size, &bits);
  if (overflows || __builtin_mul_overflow(bits, int64_t{known->bits}, &bits))
    failf(ErrorKind::bad_data, source, "tensor '{}', its shape [{}] overflows 63 bits", name,
          fmt::join(entry.sizes, ", "));
  if (bits % 8 != 0)
    failf(ErrorKind::bad_data, source, "tensor '{}', its {} bits of {} do not end at a byte", name,
          bits, entry.format_dtype);
  if (entry.begin > entry.end)
    failf(ErrorKind::bad_data, source, "tensor '{}', data_offsets [{}, {}] run backwards", name,
          entry.begin, entry.end);
  if (entry.end - entry.begin != bits / 8)
    failf(ErrorKind::bad_data, source, "tensor '{}', {} of shape [{}] takes {} bytes, not {}", name,
          entry.format_dtype, fmt::join(entry.sizes, ", "), bits / 8, entry.end - entry.begin);
}

// The tensors must fill the data exactly: no overlap, no hole, nothing outside, nothing left.
void check_layout(const SafetensorsHeader& header, int64_t data_bytes, std::string_view source) {
  std::vector<std::pair<std::pair<int64_t, int64_t>, std::string_view>> ranges;
  for (const auto& [name, entry] : header.entries)
    ranges.push_back({{entry.begin, entry.end}, name});
  std::ranges::sort(ranges);
  int64_t covered = 0;
  for (const auto& [range, name] : ranges) {
    const auto [begin, end] = range;
    if (end > data_bytes)
      failf(ErrorKind::bad_data, source,
            "tensor '{}' ends at byte {} of the data, which has {}: is the file truncated?", name,
            end, data_bytes);
    if (begin < covered)
      failf(ErrorKind::bad_data, source, "tensor '{}' begins at {}, inside another that ends at {}",
            name, begin, covered);
    if (begin > covered)
      failf(ErrorKind::bad_data, source, "bytes {} to {} before tensor '{}' belong to no tensor",
            covered, begin, name);
    covered = end;
  }
  if (covered != data_bytes)
    failf(ErrorKind::bad_data, source, "{} bytes follow the last tensor", data_bytes - covered);
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view header, int64_t data_bytes,
                                           std::string_view source) {
  if (!is_utf8(header)) fail(ErrorKind::bad_data, source, "the header is not valid UTF-8");
  if (header.empty() || header[0] != '{')
    fail(ErrorKind::bad_data, source, "the header does not begin with '{'");
  // The JSON library takes a zero byte for the end of its input.
  if (const size_t zero = header.find('\0'); zero != header.npos)
    failf(ErrorKind::bad_data, source, "the header is not valid JSON at byte {}", zero + 1);
  HeaderBuilder builder(source);
  nlohmann::json::sax_parse(header, &builder);
  SafetensorsHeader result = builder.take();
  for (auto& [name, entry] : result.entries) check_entry(name, entry, source);
  check_layout(result, data_bytes, source);
  return result;
}

}  // namespace gradus
