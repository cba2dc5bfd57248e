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

// One thread.
bool onednn_fits(const BatchNormArgs& args);
int64_t onednn_workspace(const BatchNormArgs& args);
void run_onednn(const BatchNormArgs& args, void* workspace);

bool onednn_fits(const BatchNormBackwardArgs& args);
int64_t onednn_workspace(const BatchNormBackwardArgs& args);
void run_onednn(const BatchNormBackwardArgs& args, void* workspace);

// The products with the weight are oneDNN's; its own recurrent layers take the input projection in
// and keep the gates to themselves.
bool onednn_fits(const RecurrenceArgs& args);
int64_t onednn_workspace(const RecurrenceArgs& args);
void run_onednn(const RecurrenceArgs& args, void* workspace);

bool onednn_fits(const RecurrenceBackwardArgs& args);
int64_t onednn_workspace(const RecurrenceBackwardArgs& args);
void run_onednn(const RecurrenceBackwardArgs& args, void* workspace);

// Channels last (oneDNN has but plain loops for the other order), without dilation, no window of
// padding alone. A part of the input that holds a NaN or nothing above -FLT_MAX goes through
// max_pool_cpu's loops, since oneDNN keeps neither.
bool onednn_fits(const MaxPoolArgs& args);
int64_t onednn_workspace(const MaxPoolArgs& args);
void run_onednn(const MaxPoolArgs& args, void* workspace);

// As above, and the divisor is what oneDNN knows: the whole kernel, or the elements inside.
bool onednn_fits(const AvgPoolArgs& args);
int64_t onednn_workspace(const AvgPoolArgs& args);
void run_onednn(const AvgPoolArgs& args, void* workspace);

bool onednn_fits(const AvgPoolBackwardArgs& args);
int64_t onednn_workspace(const AvgPoolBackwardArgs& args);
void run_onednn(const AvgPoolBackwardArgs& args, void* workspace);

}  // namespace gradus::kernels
