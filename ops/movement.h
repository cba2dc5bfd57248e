// SPDX-License-Identifier: Apache-2.0
// What ops that move elements share.
#pragma once

#include <string_view>

#include "engine/op/op.h"
#include "kernels/index_array.h"

namespace gradus {

// Whole bytes of one element.
int64_t element_bytes(DType dtype);
// `value` converted to `dtype`, as the bytes of one element.
uint64_t element_bits(double value, DType dtype);
// The attribute `attribute` as an element of `dtype`: integers drop a fraction, unsigned ones wrap
// a negative whole number where `wraps` says so. Throws for what the dtype cannot hold.
double element_value(std::string_view op, std::string_view attribute, double value, DType dtype,
                     bool wraps = true);
// A scalar seen as one dim of one element, as PyTorch's indexing sees it.
Shape at_least_1d(const Shape& shape);

// Throws unless input `input` holds i64 or i32, or no elements of another whole type.
void check_index_dtype(const InferArgs& args, size_t input, std::string_view name);
// Throws unless `index` fits `shape` in every dim other than `dim`.
void check_index_shape(std::string_view op, const Shape& index, const Shape& shape, int dim,
                       std::string_view other);
kernels::IndexArray index_array(const TensorRef& index);

}  // namespace gradus
