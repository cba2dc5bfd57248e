// SPDX-License-Identifier: Apache-2.0
#include "engine/io/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/base/utf8.h"
#include "engine/io/atomic_file.h"

namespace gradus {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr int64_t length_bytes = 8;

// The header's length, checked against the bytes there are.
int64_t header_length(std::string_view first, int64_t total, std::string_view source) {
  if (total < length_bytes)
    failf(ErrorKind::bad_data, source,
          "{} bytes are too few for a safetensors file, which begins with 8 bytes of length",
          total);
  uint64_t length;
  std::memcpy(&length, first.data(), length_bytes);
  if (length > static_cast<uint64_t>(safetensors_header_limit))
    failf(ErrorKind::bad_data, source,
          "a header of {} bytes is above the limit of {}: is this a safetensors file?", length,
          safetensors_header_limit);
  if (static_cast<int64_t>(length) > total - length_bytes)
    failf(ErrorKind::bad_data, source,
          "the header has {} bytes, but only {} follow: is the file truncated?", length,
          total - length_bytes);
  return static_cast<int64_t>(length);
}

Tensor allocate(const SafetensorsEntry& entry, std::string_view name, std::string_view source) {
  if (!entry.dtype)
    failf(ErrorKind::unsupported, source, "tensor '{}' is {}, which Gradus does not hold", name,
          entry.format_dtype);
  if (entry.sizes.size() > static_cast<size_t>(Shape::max_rank))
    failf(ErrorKind::unsupported, source, "tensor '{}' has {} dims, expected at most {}", name,
          entry.sizes.size(), Shape::max_rank);
  return Tensor(*entry.dtype, Shape(std::span<const int64_t>(entry.sizes)));
}

// Any other byte would be a bool that is neither true nor false.
void check_bools(const Tensor& tensor, std::string_view name, std::string_view source) {
  if (tensor.dtype() != DType::bool_) return;
  const uint8_t* values = tensor.data_as<uint8_t>();
  for (int64_t i = 0; i < tensor.numel(); ++i)
    if (values[i] > 1)
      failf(ErrorKind::bad_data, source, "tensor '{}', element {}, expected 0 or 1, got {}", name,
            i, values[i]);
}

std::string_view format_name(DType dtype, std::string_view tensor, std::string_view source) {
  switch (dtype) {
    case DType::f64:
      return "F64";
    case DType::f32:
      return "F32";
    case DType::f16:
      return "F16";
    case DType::bf16:
      return "BF16";
    case DType::i64:
      return "I64";
    case DType::i32:
      return "I32";
    case DType::i16:
      return "I16";
    case DType::i8:
      return "I8";
    case DType::u64:
      return "U64";
    case DType::u32:
      return "U32";
    case DType::u16:
      return "U16";
    case DType::u8:
      return "U8";
    case DType::bool_:
      return "BOOL";
    case DType::f8e4m3:
      return "F8_E4M3";
    case DType::f8e5m2:
      return "F8_E5M2";
    default:
      failf(ErrorKind::unsupported, source, "tensor '{}', safetensors has no dtype for {}", tensor,
            dtype_name(dtype));
  }
}

// `text` as a JSON string.
std::string quoted(std::string_view text, std::string_view source) {
  if (!is_utf8(text))
    failf(ErrorKind::invalid_argument, source, "a name or a metadata text is not valid UTF-8");
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string metadata_text(const Metadata& metadata, std::string_view source) {
  std::string text = "\"__metadata__\":{";
  for (const auto& [key, value] : metadata)
    text += fmt::format("{}{}:{}", text.back() == '{' ? "" : ",", quoted(key, source),
                        quoted(value, source));
  return text + "}";
}

using NamedTensor = NamedTensors::value_type;

// The order of the data: widest elements first, so that each tensor is aligned to its elements.
std::vector<const NamedTensor*> data_order(const NamedTensors& tensors) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& named : tensors) order.push_back(&named);
  std::ranges::stable_sort(order, std::greater<>(), [](const NamedTensor* named) {
    return dtype_bits(named->second.dtype());
  });
  return order;
}

std::string header_text(const NamedTensors& tensors, const Metadata& metadata,
                        std::string_view source) {
  std::map<std::string_view, int64_t> begins;
  int64_t end = 0;
  for (const NamedTensor* named : data_order(tensors)) {
    begins[named->first] = end;
    end += named->second.bytes();
  }
  std::string text = "{";
  if (!metadata.empty()) text += metadata_text(metadata, source);
  for (const auto& [name, tensor] : tensors) {
    const int64_t begin = begins.at(name);
    text += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                        text.size() > 1 ? "," : "", quoted(name, source),
                        format_name(tensor.dtype(), name, source),
                        fmt::join(tensor.shape().sizes(), ","), begin, begin + tensor.bytes());
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path), file_(path) {
  const auto get = [&](int64_t offset, int64_t bytes) {
    std::string text(static_cast<size_t>(bytes), '\0');
    file_.read(offset, text.size(), text.data());
    return text;
  };
  const int64_t total = file_.bytes();
  const std::string first = total < length_bytes ? std::string() : get(0, length_bytes);
  const int64_t length = header_length(first, total, path);
  data_start_ = length_bytes + length;
  header_ = parse_safetensors_header(get(length_bytes, length), total - data_start_, path);
}

Tensor SafetensorsFile::read(std::string_view name) const {
  const auto found = header_.entries.find(name);
  if (found == header_.entries.end())
    failf(ErrorKind::not_found, path_, "there is no tensor '{}'", name);
  const Tensor tensor = allocate(found->second, name, path_);
  file_.read(data_start_ + found->second.begin, static_cast<size_t>(tensor.bytes()), tensor.data());
  check_bools(tensor, name, path_);
  return tensor;
}

void SafetensorsFile::read_into(std::string_view name, Tensor tensor) const {
  const auto found = header_.entries.find(name);
  if (found == header_.entries.end())
    failf(ErrorKind::not_found, path_, "there is no tensor '{}'", name);
  const SafetensorsEntry& entry = found->second;
  if (entry.dtype != tensor.dtype() || !std::ranges::equal(entry.sizes, tensor.shape().sizes()))
    failf(ErrorKind::bad_data, path_, "the tensor '{}', expected {} {}, got {} [{}]", name,
          dtype_name(tensor.dtype()), to_string(tensor.shape()), entry.format_dtype,
          fmt::join(entry.sizes, ", "));
  if (&tensor.device() != &cpu_device() || tensor.dtype() == DType::bool_)
    return tensor.copy_from(read(name));
  file_.read(data_start_ + entry.begin, static_cast<size_t>(tensor.bytes()), tensor.data());
}

Safetensors load_safetensors(const std::string& path) {
  const SafetensorsFile file(path);
  Safetensors result;
  result.metadata = file.metadata();
  for (const auto& [name, entry] : file.entries()) result.tensors[name] = file.read(name);
  return result;
}

Safetensors parse_safetensors(std::string_view bytes, std::string_view source) {
  const int64_t length = header_length(bytes, static_cast<int64_t>(bytes.size()), source);
  const std::string_view header =
      bytes.substr(static_cast<size_t>(length_bytes), static_cast<size_t>(length));
  const std::string_view data = bytes.substr(static_cast<size_t>(length_bytes + length));
  SafetensorsHeader parsed =
      parse_safetensors_header(header, static_cast<int64_t>(data.size()), source);
  Safetensors result;
  result.metadata = std::move(parsed.metadata);
  for (const auto& [name, entry] : parsed.entries) {
    const Tensor tensor = allocate(entry, name, source);
    if (entry.end > entry.begin)
      std::memcpy(tensor.data(), data.data() + entry.begin,
                  static_cast<size_t>(entry.end - entry.begin));
    check_bools(tensor, name, source);
    result.tensors[name] = tensor;
  }
  return result;
}

SafetensorsImage::SafetensorsImage(std::string_view source, const NamedTensors& tensors,
                                   const Metadata& metadata) {
  for (const auto& [name, tensor] : tensors) {
    GRADUS_CHECK(static_cast<bool>(tensor), "[{}] tensor '{}' is empty", source, name);
    GRADUS_CHECK(name != "__metadata__", "[{}] a tensor cannot be named __metadata__", source);
    host_[name] = tensor.device().info().type == DeviceType::cpu ? tensor : tensor.to(cpu_device());
  }
  const std::string header = header_text(host_, metadata, source);
  const uint64_t length = header.size();
  GRADUS_CHECK(length <= static_cast<uint64_t>(safetensors_header_limit),
               "[{}] the header would take {} bytes, the format allows {}", source, length,
               safetensors_header_limit);
  head_.assign(reinterpret_cast<const char*>(&length), sizeof length);
  head_ += header;
}

std::vector<std::string_view> SafetensorsImage::parts() const {
  std::vector<std::string_view> parts{head_};
  for (const NamedTensor* named : data_order(host_))
    parts.emplace_back(named->second.data_as<const char>(),
                       static_cast<size_t>(named->second.bytes()));
  return parts;
}

void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const Metadata& metadata) {
  write_file_atomically(path, SafetensorsImage(path, tensors, metadata).parts());
}

}  // namespace gradus
