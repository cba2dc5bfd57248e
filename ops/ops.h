// SPDX-License-Identifier: Apache-2.0
// What users call: functions that add nodes to a graph. Names, argument order and defaults are
// PyTorch's. An op without a function here is reached by apply("name", {inputs}, {{"attribute",
// value}}); `gradus op show NAME` documents each.
#pragma once

#include <vector>

#include "engine/graph/graph.h"
#include "engine/graph/value.h"

namespace gradus {

#define GRADUS_UNARY(name, ...) Value name(Value input, const AttrList& attrs = {});
#define GRADUS_BINARY(name, ...) Value name(Value input, Value other, const AttrList& attrs = {});
#define GRADUS_TERNARY(name, ...) Value name(Value condition, Value input, Value other);
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY

Value operator+(Value a, Value b);
Value operator-(Value a, Value b);
Value operator*(Value a, Value b);
Value operator/(Value a, Value b);
Value operator-(Value a);
// With a number: it takes the tensor's dtype (no promotion).
Value operator+(Value a, double b);
Value operator+(double a, Value b);
Value operator-(Value a, double b);
Value operator-(double a, Value b);
Value operator*(Value a, double b);
Value operator*(double a, Value b);
Value operator/(Value a, double b);
Value operator/(double a, Value b);
Value operator>(Value a, double b);
Value operator>=(Value a, double b);
Value operator<(Value a, double b);
Value operator<=(Value a, double b);

Value zero(Value x);  // rank 0, of x's dtype: broadcasts, where zeros_like would fill memory
Value zeros_like(Value x);
Value ones_like(Value x);
Value cast(Value x, DType dtype);  // x itself when it has the dtype

// Empty dims: all of them. A full reduction without keepdim has rank 0.
Value sum(Value x, const std::vector<int64_t>& dims = {}, bool keepdim = false);
Value mean(Value x, const std::vector<int64_t>& dims = {}, bool keepdim = false);

Value reshape(Value x, const Shape& shape);  // x itself when it has the shape
Value expand(Value x, const Shape& shape);   // x itself when it has the shape
Value permute(Value x, const std::vector<int64_t>& dims);
Value transpose(Value x, int64_t dim0, int64_t dim1);
Value unsqueeze(Value x, int64_t dim);

// Sums a gradient of a broadcast result back to `shape`.
Value sum_to(Value x, const Shape& shape);
// sum_to the input's shape, then cast to its dtype: the last step of a gradient under broadcasting
// and promotion.
Value reduce_like(Value gradient, Value input);

}  // namespace gradus
