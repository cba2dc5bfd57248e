// SPDX-License-Identifier: Apache-2.0
// Shapes of matrix products, shared by gemm, matmul and linear.
#pragma once

#include <string_view>
#include <vector>

#include "engine/graph/value.h"
#include "kernels/matmul.h"

namespace gradus {

// The product of the last two dims of a and b, broadcast over the dims before. Throws, naming `op`,
// for ranks below 2, sizes that do not meet, or different dtypes.
TensorSpec product_spec(const TensorSpec& a, const TensorSpec& b, bool transpose_a,
                        bool transpose_b, std::string_view op);

// Strides for the kernel, without pointers. Requires: shapes that product_spec accepts. Leading
// dims of a become rows where b has none.
kernels::MatmulArgs product_args(DType dtype, const Shape& a, const Shape& b, bool transpose_a,
                                 bool transpose_b);

// gemm as a graph node: op(a) op(b).
Value gemm(Value a, Value b, bool transpose_a = false, bool transpose_b = false);

// "none", "relu", ... as the kernel's value. Throws, naming `op`, for another word.
kernels::Activation parse_activation(std::string_view name, std::string_view op);

// Kernel tables take these: from the shapes of a query or a call whose first two inputs are a and
// b.
double product_flops(const kernels::MatmulArgs& args);

}  // namespace gradus
