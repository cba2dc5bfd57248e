// SPDX-License-Identifier: Apache-2.0
// spmm, spmm_transpose and sddmm: each is the gradient of the others, so they close under
// differentiation.
#pragma once

#include "engine/op/op.h"
#include "kernels/sparse.h"

namespace gradus {

// Inputs 0 and 1 of all three.
InputSpec crow_input();
InputSpec col_input();
// Throws unless they are vectors of one index dtype, the first not empty. `values` is the length
// that each entry's input has.
void check_pattern_specs(const InferArgs& args);
// The rows that crow_indices describes.
int64_t sparse_rows(const TensorSpec& crow);
void check_dense(const InferArgs& args, size_t input, std::string_view name, DType dtype,
                 int64_t rows, int64_t width);
// Throws Error(bad_data) for contents that are no pattern.
kernels::SparsePattern read_pattern(const RunArgs& args, int64_t columns, std::string_view op);

SampleInput crow_sample(int64_t rows, int64_t entries, DType dtype = DType::i64);
double sparse_flops(const KernelQuery& query, int64_t width);

}  // namespace gradus
