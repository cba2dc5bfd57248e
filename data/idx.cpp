// SPDX-License-Identifier: Apache-2.0
#include "data/idx.h"

#include <algorithm>
#include <limits>
#include <span>

#include "data/file_bytes.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

DType dtype_of(uint8_t code, const std::string& path) {
  switch (code) {
    case 0x08:
      return DType::u8;
    case 0x09:
      return DType::i8;
    case 0x0B:
      return DType::i16;
    case 0x0C:
      return DType::i32;
    case 0x0D:
      return DType::f32;
    case 0x0E:
      return DType::f64;
    default:
      failf(ErrorKind::bad_data, path,
            "element type, expected 0x08, 0x09 or 0x0B to 0x0E, got {:#04x}", code);
  }
}

uint32_t big_endian(const uint8_t* bytes) {
  return static_cast<uint32_t>(bytes[0]) << 24 | static_cast<uint32_t>(bytes[1]) << 16 |
         static_cast<uint32_t>(bytes[2]) << 8 | static_cast<uint32_t>(bytes[3]);
}

Shape read_shape(std::span<const uint8_t> bytes, int64_t element_bytes, const std::string& path) {
  const int rank = bytes[3];
  if (rank < 1 || rank > Shape::max_rank)
    failf(ErrorKind::bad_data, path, "number of dims, expected 1 to {}, got {}", Shape::max_rank,
          rank);
  if (bytes.size() < 4 + 4 * static_cast<size_t>(rank))
    failf(ErrorKind::bad_data, path, "cut inside its header of {} dims", rank);
  Shape shape;
  int64_t size = element_bytes;
  for (int dim = 0; dim < rank; ++dim) {
    const int64_t count = big_endian(bytes.data() + 4 + 4 * dim);
    if (count > 0 && size > std::numeric_limits<int64_t>::max() / count)
      failf(ErrorKind::bad_data, path, "sizes overflow");
    size *= count;
    shape.push_back(count);
  }
  return shape;
}

}  // namespace

Tensor read_idx(const std::string& path) {
  const std::vector<uint8_t> bytes = read_bytes(path);
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0)
    failf(ErrorKind::bad_data, path, "not an IDX file: expected it to begin with two zero bytes");
  const DType dtype = dtype_of(bytes[2], path);
  const int64_t width = dtype_bytes(dtype, 1);
  const Shape shape = read_shape(bytes, width, path);
  const int64_t header = 4 + 4 * shape.rank();
  const int64_t expected = shape.numel() * width;
  const int64_t got = static_cast<int64_t>(bytes.size()) - header;
  if (got != expected)
    failf(ErrorKind::bad_data, path, "elements of {} {}, expected {} bytes, got {}",
          dtype_name(dtype), to_string(shape), expected, got);
  Tensor tensor(dtype, shape);
  auto* out = tensor.data_as<uint8_t>();
  std::copy(bytes.begin() + header, bytes.end(), out);
  // Big-endian to this machine's little-endian.
  for (int64_t i = 0; width > 1 && i < expected; i += width) std::reverse(out + i, out + i + width);
  return tensor;
}

}  // namespace gradus
