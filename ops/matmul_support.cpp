// SPDX-License-Identifier: Apache-2.0
#include "ops/matmul_support.h"

#include "engine/base/error.h"

namespace gradus {
namespace {

struct Sizes {
  int64_t rows, columns;
};

Sizes last_two(const Shape& shape, bool transposed) {
  const int64_t rows = shape[shape.rank() - 2], columns = shape[shape.rank() - 1];
  return transposed ? Sizes{columns, rows} : Sizes{rows, columns};
}

Shape leading(const Shape& shape) {
  return Shape(shape.sizes().first(static_cast<size_t>(shape.rank() - 2)));
}

// Element strides of `shape`'s leading dims as seen from the broadcast `batch`.
void batch_strides(const Shape& shape, const Shape& batch,
                   std::array<int64_t, Shape::max_rank>& strides) {
  const auto own = shape.strides();
  const int shift = batch.rank() - (shape.rank() - 2);
  for (int d = shift; d < batch.rank(); ++d)
    if (shape[d - shift] != 1)
      strides[static_cast<size_t>(d)] = own[static_cast<size_t>(d - shift)];
}

}  // namespace

TensorSpec product_spec(const TensorSpec& a, const TensorSpec& b, bool transpose_a,
                        bool transpose_b, std::string_view op) {
  GRADUS_CHECK(a.dtype == b.dtype, "[{}] operands of one dtype expected, got {} and {}", op,
               dtype_name(a.dtype), dtype_name(b.dtype));
  GRADUS_CHECK(a.shape.rank() >= 2 && b.shape.rank() >= 2,
               "[{}] operands of rank 2 or more expected, got {} and {}", op, to_string(a.shape),
               to_string(b.shape));
  const Sizes left = last_two(a.shape, transpose_a), right = last_two(b.shape, transpose_b);
  GRADUS_CHECK(left.columns == right.rows,
               "[{}] inner sizes, expected equal, got {} and {} of {}{} and {}{}", op, left.columns,
               right.rows, to_string(a.shape), transpose_a ? " (transposed)" : "",
               to_string(b.shape), transpose_b ? " (transposed)" : "");
  Shape shape = broadcast(leading(a.shape), leading(b.shape), op);
  shape.push_back(left.rows);
  shape.push_back(right.columns);
  (void)shape.numel();
  return {a.dtype, shape};
}

kernels::MatmulArgs product_args(DType dtype, const Shape& a, const Shape& b, bool transpose_a,
                                 bool transpose_b) {
  const Sizes left = last_two(a, transpose_a), right = last_two(b, transpose_b);
  const Shape batch = broadcast(leading(a), leading(b), "matmul");
  kernels::MatmulArgs args = kernels::dense_matmul(dtype, left.rows, right.columns, left.columns,
                                                   transpose_a, transpose_b);
  if (!transpose_a && leading(b).numel() == 1) {
    args.m *= batch.numel();
    return args;
  }
  args.batch = batch;
  batch_strides(a, batch, args.a_strides);
  batch_strides(b, batch, args.b_strides);
  return args;
}

Value gemm(Value a, Value b, bool transpose_a, bool transpose_b) {
  return apply1("gemm", {a, b}, {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

kernels::Activation parse_activation(std::string_view name, std::string_view op) {
  using kernels::Activation;
  constexpr std::pair<std::string_view, Activation> table[] = {
      {"none", Activation::none}, {"relu", Activation::relu},
      {"gelu", Activation::gelu}, {"gelu_tanh", Activation::gelu_tanh},
      {"silu", Activation::silu}, {"sigmoid", Activation::sigmoid},
      {"tanh", Activation::tanh},
  };
  for (const auto& [known, activation] : table)
    if (known == name) return activation;
  failf(ErrorKind::invalid_argument, op,
        "attribute 'activation', expected none, relu, gelu, gelu_tanh, silu, sigmoid or tanh, got "
        "'{}'",
        name);
}

double product_flops(const kernels::MatmulArgs& args) {
  return 2.0 * static_cast<double>(args.batch.numel()) * static_cast<double>(args.m) *
         static_cast<double>(args.n) * static_cast<double>(args.k);
}

}  // namespace gradus
