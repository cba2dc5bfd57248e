// SPDX-License-Identifier: Apache-2.0
#include "ops/sparse.h"

#include "engine/base/error.h"
#include "ops/movement.h"

namespace gradus {

InputSpec crow_input() { return {"crow_indices", InputKind::required, false}; }
InputSpec col_input() { return {"col_indices", InputKind::required, false}; }

void check_pattern_specs(const InferArgs& args) {
  const TensorSpec &crow = args.in[0], &col = args.in[1];
  check_index_dtype(args, 1, "col_indices");
  GRADUS_CHECK(crow.shape.rank() == 1 && crow.shape[0] >= 1,
               "[{}] input 0 ('crow_indices'), expected rows + 1 numbers, got shape {}", args.op,
               to_string(crow.shape));
  GRADUS_CHECK(col.shape.rank() == 1 && col.dtype == crow.dtype,
               "[{}] input 1 ('col_indices'), expected one dim of {}, got {}", args.op,
               dtype_name(crow.dtype), to_string(col));
}

int64_t sparse_rows(const TensorSpec& crow) { return crow.shape[0] - 1; }

void check_dense(const InferArgs& args, size_t input, std::string_view name, DType dtype,
                 int64_t rows, int64_t width) {
  const TensorSpec expected{dtype, {rows, width}};
  GRADUS_CHECK(args.in[input] == expected, "[{}] input {} ('{}'), expected {}, got {}", args.op,
               input, name, to_string(expected), to_string(args.in[input]));
}

kernels::SparsePattern read_pattern(const RunArgs& args, int64_t columns, std::string_view op) {
  const kernels::SparsePattern pattern{index_array(args.in[0]), index_array(args.in[1]),
                                       args.in[0].numel() - 1, columns, args.in[1].numel()};
  kernels::check_pattern(pattern, op);
  return pattern;
}

SampleInput crow_sample(int64_t rows, int64_t entries, DType dtype) {
  return {.shape = {rows + 1},
          .dtype = dtype,
          .fill = Fill::offsets,
          .lo = 0,
          .hi = static_cast<double>(entries)};
}

double sparse_flops(const KernelQuery& query, int64_t width) {
  return 2.0 * static_cast<double>(query.in[1].numel()) * static_cast<double>(width);
}

}  // namespace gradus
