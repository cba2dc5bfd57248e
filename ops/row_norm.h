// SPDX-License-Identifier: Apache-2.0
// What layer_norm, rms_norm and group_norm share: they normalise the rows of a matrix
// (kernels/row_norm.h).
#pragma once

#include <vector>

#include "engine/graph/grad_args.h"
#include "engine/op/op.h"
#include "kernels/row_norm.h"
#include "ops/cuda_variants.h"

namespace gradus {

// The dtype of means and deviations: f32 for every float but f64, so that reduced floats lose
// nothing in them.
DType statistics_dtype(DType dtype);
// Whether a backward op takes a statistic of `given` beside an input of `dtype`: that dtype, or the
// input's (all floats of a graph rounded alike).
bool fits_statistics(DType given, DType dtype);

// A reduced float as f32; others as they are. For formulas made of ops.
Value widened(Value x);

// Throws unless input `position` is absent, or of `shape` and of x's dtype (or f32 beside a reduced
// float): a weight, bias or statistic.
void check_affine(const InferArgs& args, size_t position, std::string_view name,
                  const Shape& shape);

// The trailing dims that the attribute normalized_shape names. Throws where the input lacks them.
Shape normalized_shape(const InferArgs& args);
// Rows of normalised dims.
kernels::RowNormShape trailing_rows(const Shape& input, int normalized_dims);
// The input's shape with 1 in place of the normalised dims.
Shape statistics_shape(const Shape& input, int normalized_dims);

// Where an op has its optional parts: inputs weight and bias (bias -1: none), outputs mean (-1:
// none) and rstd.
struct RowNormPlaces {
  int weight, bias, mean, rstd;
};

// The dtypes of what RowNormPlaces names, for the CUDA kernels.
kernels::RowNormTypes row_norm_types(const RunArgs& args, const RowNormPlaces& places);

// The CUDA table of a forward op. `Bind` makes the kernel's arguments.
template <auto Bind, RowNormPlaces places, class>
void run_row_norm_cuda(const RunArgs& args) {
  kernels::row_norm_cuda(Bind(args), row_norm_types(args, places), args.stream);
}
template <auto Bind, RowNormPlaces places>
std::vector<KernelVariant> row_norm_cuda_variants() {
  return cuda_variants([](auto tag) {
    return std::vector<KernelVariant>{{"rows", run_row_norm_cuda<Bind, places, decltype(tag)>}};
  });
}

// Gradients of all outputs with respect to all inputs.
std::vector<Value> row_norm_gradients(GradArgs& args, const kernels::RowNormShape& shape,
                                      const RowNormPlaces& places);

}  // namespace gradus
