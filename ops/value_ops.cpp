// SPDX-License-Identifier: Apache-2.0
#include <numeric>

#include "engine/base/error.h"
#include "ops/ops.h"

namespace gradus {
namespace {

Value number_like(Value x, double value) { return x.graph().scalar(value, x.dtype()); }

}  // namespace

#define GRADUS_UNARY(name, ...) \
  Value name(Value input, const AttrList& attrs) { return apply1(#name, {input}, attrs); }
#define GRADUS_BINARY(name, ...)                                \
  Value name(Value input, Value other, const AttrList& attrs) { \
    return apply1(#name, {input, other}, attrs);                \
  }
#define GRADUS_TERNARY(name, ...)                         \
  Value name(Value condition, Value input, Value other) { \
    return apply1(#name, {condition, input, other});      \
  }
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY

Value operator+(Value a, Value b) { return add(a, b); }
Value operator-(Value a, Value b) { return sub(a, b); }
Value operator*(Value a, Value b) { return mul(a, b); }
Value operator/(Value a, Value b) { return div(a, b); }
Value operator-(Value a) { return neg(a); }
Value operator+(Value a, double b) { return add(a, number_like(a, b)); }
Value operator+(double a, Value b) { return add(number_like(b, a), b); }
Value operator-(Value a, double b) { return sub(a, number_like(a, b)); }
Value operator-(double a, Value b) { return sub(number_like(b, a), b); }
Value operator*(Value a, double b) { return mul(a, number_like(a, b)); }
Value operator*(double a, Value b) { return mul(number_like(b, a), b); }
Value operator/(Value a, double b) { return div(a, number_like(a, b)); }
Value operator/(double a, Value b) { return div(number_like(b, a), b); }
Value operator>(Value a, double b) { return gt(a, number_like(a, b)); }
Value operator>=(Value a, double b) { return ge(a, number_like(a, b)); }
Value operator<(Value a, double b) { return lt(a, number_like(a, b)); }
Value operator<=(Value a, double b) { return le(a, number_like(a, b)); }

Value zero(Value x) { return x.graph().scalar(0.0, x.dtype()); }
Value zeros_like(Value x) { return x.graph().full(x.shape(), 0.0, x.dtype()); }
Value ones_like(Value x) { return x.graph().full(x.shape(), 1.0, x.dtype()); }

Value cast(Value x, DType dtype) {
  return x.dtype() == dtype ? x : apply1("cast", {x}, {{"dtype", dtype}});
}

Value sum(Value x, const std::vector<int64_t>& dims, bool keepdim) {
  const AttrValue dim = dims.empty() ? AttrValue::none() : AttrValue(dims);
  return apply1("sum", {x}, {{"dim", dim}, {"keepdim", keepdim}});
}

Value mean(Value x, const std::vector<int64_t>& dims, bool keepdim) {
  const AttrValue dim = dims.empty() ? AttrValue::none() : AttrValue(dims);
  return apply1("mean", {x}, {{"dim", dim}, {"keepdim", keepdim}});
}

Value reshape(Value x, const Shape& shape) {
  return x.shape() == shape ? x : apply1("reshape", {x}, {{"shape", shape}});
}

Value expand(Value x, const Shape& shape) {
  return x.shape() == shape ? x : apply1("expand", {x}, {{"size", shape}});
}

Value permute(Value x, const std::vector<int64_t>& dims) {
  return apply1("permute", {x}, {{"dims", dims}});
}

Value transpose(Value x, int64_t dim0, int64_t dim1) {
  std::vector<int64_t> dims(static_cast<size_t>(x.rank()));
  std::iota(dims.begin(), dims.end(), 0);
  if (dims.empty()) return x;
  std::swap(dims[static_cast<size_t>(normalize_dim(dim0, x.rank(), "transpose"))],
            dims[static_cast<size_t>(normalize_dim(dim1, x.rank(), "transpose"))]);
  return permute(x, dims);
}

Value unsqueeze(Value x, int64_t dim) {
  Shape shape = x.shape();
  shape.insert(normalize_dim(dim, x.rank() + 1, "unsqueeze"), 1);
  return reshape(x, shape);
}

Value sum_to(Value x, const Shape& shape) {
  std::vector<int64_t> dims;
  const int shift = x.rank() - shape.rank();
  for (int d = 0; d < x.rank(); ++d)
    if (d < shift || shape[d - shift] != x.shape()[d]) dims.push_back(d);
  return reshape(dims.empty() ? x : sum(x, dims, true), shape);
}

Value reduce_like(Value gradient, Value input) {
  return cast(sum_to(gradient, input.shape()), input.dtype());
}

}  // namespace gradus
