// SPDX-License-Identifier: Apache-2.0
#include "data/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <vector>

#include "data/file_bytes.h"
#include "data/zip.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

struct Header {
  std::string type;
  bool fortran = false;
  Shape shape;
};

// The header is a Python dictionary of three known keys; this reads just that.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  Header read() {
    Header header;
    bool seen[3] = {};
    take('{');
    while (!try_take('}')) {
      const std::string key = quoted();
      take(':');
      const int which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
      if (which < 0 || seen[which]) refuse(fmt::format("the key '{}'", key.substr(0, 40)));
      seen[which] = true;
      if (which == 0) header.type = type();
      if (which == 1) header.fortran = boolean();
      if (which == 2) header.shape = shape();
      if (!try_take(',')) {
        take('}');
        break;
      }
    }
    skip_spaces();
    if (at_ != text_.size()) refuse("text behind its end");
    if (!seen[0] || !seen[1] || !seen[2]) refuse("a missing key");
    return header;
  }

 private:
  [[noreturn]] void refuse(const std::string& got) const {
    failf(ErrorKind::bad_data, source_,
          "header, expected 'descr', 'fortran_order' and 'shape', got {} at byte {}", got, at_);
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool try_take(char c) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void take(char c) {
    if (!try_take(c)) refuse(fmt::format("no '{}'", c));
  }
  std::string quoted() {
    skip_spaces();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') refuse("no quoted text");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) refuse("a text without end");
    const std::string text(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return text;
  }
  std::string type() {
    skip_spaces();
    if (at_ < text_.size() && text_[at_] == '[')
      failf(ErrorKind::bad_data, source_, "records, expected an array of one element type");
    return quoted();
  }
  bool boolean() {
    skip_spaces();
    for (const std::string_view word : {"True", "False"})
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return word == "True";
      }
    refuse("neither True nor False");
  }
  Shape shape() {
    Shape shape;
    take('(');
    while (!try_take(')')) {
      if (shape.rank() == Shape::max_rank)
        failf(ErrorKind::bad_data, source_, "more than {} dims", Shape::max_rank);
      shape.push_back(size());
      if (!try_take(',')) {
        take(')');
        break;
      }
    }
    return shape;
  }
  int64_t size() {
    skip_spaces();
    int64_t value = -1;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc() || value < 0) refuse("a size that is no number");
    at_ += static_cast<size_t>(end - begin);
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // as Python 2 wrote it
    return value;
  }

  std::string_view text_;
  const std::string& source_;
  size_t at_ = 0;
};

struct ElementType {
  const char* code;
  DType dtype;
};
constexpr ElementType element_types[] = {
    {"b1", DType::bool_}, {"i1", DType::i8},  {"u1", DType::u8},  {"i2", DType::i16},
    {"u2", DType::u16},   {"i4", DType::i32}, {"u4", DType::u32}, {"i8", DType::i64},
    {"u8", DType::u64},   {"f2", DType::f16}, {"f4", DType::f32}, {"f8", DType::f64}};

DType dtype_of(const std::string& type, const std::string& source) {
  const bool ordered = !type.empty() && std::string_view("<>|=").find(type[0]) != std::string::npos;
  for (const ElementType& known : element_types)
    if (ordered && type.substr(1) == known.code) return known.dtype;
  failf(ErrorKind::bad_data, source,
        "element type, expected bool or a number of at most 8 bytes, got '{}'", type.substr(0, 40));
}

// The header's text and where the elements begin.
std::string_view header_text(std::span<const uint8_t> bytes, const std::string& source,
                             size_t& begin) {
  if (bytes.size() < 10 || std::memcmp(bytes.data(), "\x93NUMPY", 6) != 0)
    failf(ErrorKind::bad_data, source, "not an npy file: expected it to begin with \\x93NUMPY");
  const int version = bytes[6];
  if (version < 1 || version > 3)
    failf(ErrorKind::bad_data, source, "version, expected 1 to 3, got {}", version);
  size_t length = bytes[8] | static_cast<size_t>(bytes[9]) << 8;
  begin = 10;
  if (version > 1) {
    if (bytes.size() < 12) failf(ErrorKind::bad_data, source, "cut inside its header");
    length |= static_cast<size_t>(bytes[10]) << 16 | static_cast<size_t>(bytes[11]) << 24;
    begin = 12;
  }
  if (length > bytes.size() - begin)
    failf(ErrorKind::bad_data, source, "a header of {} bytes, but {} bytes left", length,
          bytes.size() - begin);
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + begin;
  begin += length;
  return {text, length};
}

void check_size(const Header& header, int64_t width, size_t left, const std::string& source) {
  int64_t expected = width;
  bool empty = false;
  for (const int64_t size : header.shape) empty = empty || size == 0;
  for (const int64_t size : header.shape) {
    if (!empty && expected > std::numeric_limits<int64_t>::max() / size)
      failf(ErrorKind::bad_data, source, "sizes overflow");
    expected = empty ? 0 : expected * size;
  }
  if (static_cast<uint64_t>(expected) != left)
    failf(ErrorKind::bad_data, source, "elements of {}, expected {} bytes, got {}",
          to_string(header.shape), expected, left);
}

// Column-major to row-major, element by element.
void reorder(const uint8_t* from, const Shape& shape, int64_t width, uint8_t* to) {
  std::array<int64_t, Shape::max_rank> index{}, stride{};
  int64_t step = width;
  for (int dim = 0; dim < shape.rank(); ++dim) {
    stride[static_cast<size_t>(dim)] = step;
    step *= shape[dim];
  }
  for (int64_t i = 0, count = shape.numel(); i < count; ++i, to += width) {
    int64_t offset = 0;
    for (size_t dim = 0; dim < static_cast<size_t>(shape.rank()); ++dim)
      offset += index[dim] * stride[dim];
    std::copy_n(from + offset, width, to);
    for (int dim = shape.rank() - 1; dim >= 0; --dim) {
      if (++index[static_cast<size_t>(dim)] < shape[dim]) break;
      index[static_cast<size_t>(dim)] = 0;
    }
  }
}

}  // namespace

Tensor parse_npy(std::span<const uint8_t> bytes, const std::string& source) {
  size_t begin = 0;
  const Header header = HeaderReader(header_text(bytes, source, begin), source).read();
  const DType dtype = dtype_of(header.type, source);
  const int64_t width = dtype_bytes(dtype, 1);
  check_size(header, width, bytes.size() - begin, source);
  Tensor tensor(dtype, header.shape);
  auto* out = tensor.data_as<uint8_t>();
  const int64_t total = tensor.bytes();
  if (header.fortran)
    reorder(bytes.data() + begin, header.shape, width, out);
  else
    std::copy_n(bytes.data() + begin, total, out);
  if (header.type[0] == '>')
    for (int64_t i = 0; i < total; i += width) std::reverse(out + i, out + i + width);
  if (dtype == DType::bool_)
    for (int64_t i = 0; i < total; ++i)
      if (out[i] > 1) failf(ErrorKind::bad_data, source, "element {} is no bool: {}", i, out[i]);
  return tensor;
}

Tensor read_npy(const std::string& path) { return parse_npy(read_bytes(path), path); }

std::map<std::string, Tensor> read_npz(const std::string& path) {
  const std::vector<uint8_t> bytes = read_bytes(path);
  std::map<std::string, Tensor> arrays;
  for (const ZipEntry& entry : list_zip(bytes, path)) {
    if (!entry.name.ends_with(".npy"))
      failf(ErrorKind::bad_data, path, "the entry '{}', expected .npy files only",
            entry.name.substr(0, 60));
    const std::string name = entry.name.substr(0, entry.name.size() - 4);
    arrays[name] = parse_npy(unpack_zip(bytes, entry, path), path + ":" + entry.name);
  }
  return arrays;
}

}  // namespace gradus
