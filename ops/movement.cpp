// SPDX-License-Identifier: Apache-2.0
#include "ops/movement.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "engine/base/error.h"
#include "engine/tensor/tensor.h"

namespace gradus {

int64_t element_bytes(DType dtype) { return dtype_bits(dtype) / 8; }

uint64_t element_bits(double value, DType dtype) {
  unsigned char bytes[8] = {};
  convert(DType::f64, &value, dtype, bytes, 1);
  switch (element_bytes(dtype)) {
    case 1:
      return bytes[0];
    case 2: {
      uint16_t bits;
      std::memcpy(&bits, bytes, 2);
      return bits;
    }
    case 4: {
      uint32_t bits;
      std::memcpy(&bits, bytes, 4);
      return bits;
    }
    default: {
      uint64_t bits;
      std::memcpy(&bits, bytes, 8);
      return bits;
    }
  }
}

namespace {

bool is_signed_integer(DType dtype) {
  return dtype == DType::i64 || dtype == DType::i32 || dtype == DType::i16 || dtype == DType::i8;
}

double largest_of(DType dtype) {
  if (dtype == DType::f16) return 65504;
  if (dtype == DType::bf16) return 0x1.fep127;
  if (dtype == DType::f32) return static_cast<double>(std::numeric_limits<float>::max());
  if (dtype == DType::f64 || dtype == DType::bool_) return std::numeric_limits<double>::infinity();
  const bool is_signed = is_signed_integer(dtype);
  return std::ldexp(1.0, static_cast<int>(dtype_bits(dtype)) - (is_signed ? 1 : 0));
}

}  // namespace

double element_value(std::string_view op, std::string_view attribute, double value, DType dtype,
                     bool wraps) {
  const bool integer = !is_floating(dtype) && dtype != DType::bool_;
  const double whole = integer ? std::trunc(value) : value, limit = largest_of(dtype);
  bool fits = std::abs(whole) <= limit || (is_floating(dtype) && !std::isfinite(value));
  if (integer) {
    const bool negative_fits =
        is_signed_integer(dtype) ? whole >= -limit : wraps && value == whole && whole > -limit;
    fits = whole >= 0 ? whole < limit : negative_fits;
  }
  GRADUS_CHECK(fits, "[{}] attribute '{}', expected a value of {}, got {}", op, attribute,
               dtype_name(dtype), value);
  return integer && whole < 0 && !is_signed_integer(dtype) ? whole + limit : whole;
}

Shape at_least_1d(const Shape& shape) { return shape.rank() == 0 ? Shape{1} : shape; }

void check_index_dtype(const InferArgs& args, size_t input, std::string_view name) {
  const DType dtype = args.in[input].dtype;
  const bool unread = args.in[input].numel() == 0 && is_integral(dtype);
  GRADUS_CHECK(dtype == DType::i64 || dtype == DType::i32 || unread,
               "[{}] input {} ('{}') dtype, expected i64 or i32, got {}", args.op, input, name,
               dtype_name(dtype));
}

void check_index_shape(std::string_view op, const Shape& index, const Shape& shape, int dim,
                       std::string_view other) {
  GRADUS_CHECK(index.rank() == shape.rank(),
               "[{}] index, expected as many dims as {} ({}), got shape {}", op, other,
               to_string(shape), to_string(index));
  for (int d = 0; d < index.rank(); ++d)
    GRADUS_CHECK(d == dim || index[d] <= shape[d],
                 "[{}] index dim {}, expected at most {} ({} is {}), got {}", op, d, shape[d],
                 other, to_string(shape), index[d]);
}

kernels::IndexArray index_array(const TensorRef& index) {
  return {index.data, index.dtype == DType::i64};
}

}  // namespace gradus
