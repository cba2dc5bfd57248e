// SPDX-License-Identifier: Apache-2.0
#include "ops/row_norm.h"

#include "engine/base/error.h"
#include "ops/ops.h"

namespace gradus {
namespace {

// What the statistics as outputs add to dx: mean's derivative is 1 / cols, rstd's
// -rstd^3 (x - mean) / cols.
Value statistics_gradient(GradArgs& args, const kernels::RowNormShape& shape,
                          const RowNormPlaces& places) {
  const double count = static_cast<double>(shape.cols);
  const Shape matrix{shape.rows, shape.cols}, column{shape.rows, 1};
  const auto of_row = [&](int place) -> Value {
    const Value dout = place < 0 ? Value() : args.dout[static_cast<size_t>(place)];
    return dout ? reshape(dout, column) : Value();
  };
  const Value dmean = of_row(places.mean), drstd = of_row(places.rstd);
  Value sum;
  if (dmean) sum = expand(dmean / count, matrix);
  if (drstd) {
    const Value rstd = reshape(args.out[static_cast<size_t>(places.rstd)], column);
    Value x = widened(reshape(args.in[0], matrix));
    if (places.mean >= 0) x = x - reshape(args.out[static_cast<size_t>(places.mean)], column);
    const Value part = x * (drstd * (rstd * square(rstd)) / -count);
    sum = sum ? sum + part : part;
  }
  return sum ? cast(reshape(sum, args.in[0].shape()), args.in[0].dtype()) : Value();
}

}  // namespace

DType statistics_dtype(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

bool fits_statistics(DType given, DType dtype) {
  return given == dtype || given == statistics_dtype(dtype);
}

Value widened(Value x) { return is_reduced_float(x.dtype()) ? cast(x, DType::f32) : x; }

void check_affine(const InferArgs& args, size_t position, std::string_view name,
                  const Shape& shape) {
  if (!args.has(position)) return;
  const TensorSpec& spec = args.in[position];
  GRADUS_CHECK(spec.shape == shape, "[{}] shape of '{}', expected {}, got {}", args.op, name,
               to_string(shape), to_string(spec.shape));
  const DType x = args.in[0].dtype;
  GRADUS_CHECK(spec.dtype == x || (is_reduced_float(x) && spec.dtype == DType::f32),
               "[{}] dtype of '{}', expected {}, got {}", args.op, name, dtype_name(x),
               dtype_name(spec.dtype));
}

Shape normalized_shape(const InferArgs& args) {
  const std::vector<int64_t>& sizes = args.attrs.integers("normalized_shape");
  const Shape& in = args.in[0].shape;
  const int count = static_cast<int>(sizes.size());
  bool fits = count >= 1 && count <= in.rank();
  for (int d = 0; fits && d < count; ++d)
    fits = in[in.rank() - count + d] == sizes[static_cast<size_t>(d)];
  GRADUS_CHECK(fits,
               "[{}] attribute 'normalized_shape', expected the last sizes of the input {}, got {}",
               args.op, to_string(in), to_string(args.attrs.find("normalized_shape")));
  return Shape(sizes);
}

kernels::RowNormShape trailing_rows(const Shape& input, int normalized_dims) {
  const int lead = input.rank() - normalized_dims;
  return {input.product(0, lead), input.product(lead, input.rank()), 1, 1};
}

Shape statistics_shape(const Shape& input, int normalized_dims) {
  Shape shape = input;
  for (int d = input.rank() - normalized_dims; d < input.rank(); ++d) shape[d] = 1;
  return shape;
}

kernels::RowNormTypes row_norm_types(const RunArgs& args, const RowNormPlaces& places) {
  const auto of = [&](std::span<const TensorRef> refs, int place) {
    const bool there = place >= 0 && refs[static_cast<size_t>(place)].present;
    return there ? refs[static_cast<size_t>(place)].dtype : args.in[0].dtype;
  };
  return {of(args.in, places.weight), of(args.in, places.bias), of(args.out, places.mean),
          of(args.out, places.rstd)};
}

std::vector<Value> row_norm_gradients(GradArgs& args, const kernels::RowNormShape& shape,
                                      const RowNormPlaces& places) {
  const Value weight = args.in[static_cast<size_t>(places.weight)];
  std::vector<Value> result(args.in.size());
  result[0] = statistics_gradient(args, shape, places);
  if (!args.dout[0]) return result;
  const std::vector<Value> parts =
      apply("row_norm_backward",
            {args.dout[0], args.in[0],
             places.mean < 0 ? Value() : args.out[static_cast<size_t>(places.mean)],
             args.out[static_cast<size_t>(places.rstd)], weight},
            {{"cols", shape.cols}, {"period", shape.period}, {"inner", shape.inner}});
  result[0] = result[0] ? result[0] + parts[0] : parts[0];
  if (weight) result[static_cast<size_t>(places.weight)] = parts[1];
  if (places.bias < 0 || !args.has(static_cast<size_t>(places.bias))) return result;
  const Value bias = args.in[static_cast<size_t>(places.bias)];
  const Shape by_weight{shape.rows / shape.period, shape.weights(), shape.inner};
  const Value dbias =
      weight ? parts[2] : reshape(sum(reshape(args.dout[0], by_weight), {0, 2}), bias.shape());
  result[static_cast<size_t>(places.bias)] = cast(dbias, bias.dtype());
  return result;
}

}  // namespace gradus
