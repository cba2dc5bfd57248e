// SPDX-License-Identifier: Apache-2.0
// The kernels of kernels/*.h on oneDNN; in a build with it only (GRADUS_WITH_ONEDNN). f32. For each
// argument struct:
//   onednn_fits       whether oneDNN has a tuned implementation of this shape; looks at sizes, and
//                     at pointers only whether they are null
//   onednn_workspace  bytes that run needs, 64-byte aligned. Requires: onednn_fits
//   run_onednn        computes it. Requires: onednn_fits
// The same bits for any number of threads. A call allocates memory (oneDNN does).
#pragma once

#include "kernels/batch_norm.h"
#include "kernels/convolution.h"
#include "kernels/matmul.h"
#include "kernels/pooling.h"
#include "kernels/recurrence.h"
#include "kernels/row_norm.h"

namespace gradus::kernels {

bool onednn_fits(const MatmulArgs& args);
int64_t onednn_workspace(const MatmulArgs& args);
void run_onednn(const MatmulArgs& args, void* workspace);

// Not with padding_end below -stride, and not where a size exceeds 2^15.
bool onednn_fits(const ConvolutionArgs& args);
int64_t onednn_workspace(const ConvolutionArgs& args);
void run_onednn(const ConvolutionArgs& args, void* workspace);

bool onednn_fits(const ConvolutionBackwardInputArgs& args);
int64_t onednn_workspace(const ConvolutionBackwardInputArgs& args);
void run_onednn(const ConvolutionBackwardInputArgs& args, void* workspace);

// Adds at most 8 parts of the batch, in order.
bool onednn_fits(const ConvolutionBackwardWeightArgs& args);
int64_t onednn_workspace(const ConvolutionBackwardWeightArgs& args);
void run_onednn(const ConvolutionBackwardWeightArgs& args, void* workspace);

// layer_norm's rows: period and inner 1, with a mean.
bool onednn_fits(const RowNormArgs& args);
int64_t onednn_workspace(const RowNormArgs& args);
void run_onednn(const RowNormArgs& args, void* workspace);

bool onednn_fits(const RowNormBackwardArgs& args);
int64_t onednn_workspace(const RowNormBackwardArgs& args);
void run_onednn(const RowNormBackwardArgs& args, void* workspace);

}  // namespace gradus::kernels
