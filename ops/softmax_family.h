// SPDX-License-Identifier: Apache-2.0
// What softmax, log_softmax and their backward ops share.
#pragma once

#include "engine/op/op.h"

namespace gradus {

// The attribute; without, PyTorch's implicit choice: 0 for rank 0, 1 and 3, else 1.
int64_t softmax_dim(const Attrs& attrs, const Shape& shape);

std::vector<TensorSpec> infer_softmax(const InferArgs& args);
std::vector<TensorSpec> infer_softmax_backward(const InferArgs& args);
std::vector<KernelVariant> softmax_variants();
std::vector<KernelVariant> log_softmax_variants();
std::vector<KernelVariant> softmax_backward_variants();
std::vector<KernelVariant> log_softmax_backward_variants();
// CUDA's.
std::vector<KernelVariant> log_softmax_cuda_variants();
std::vector<KernelVariant> softmax_backward_cuda_variants();
std::vector<KernelVariant> log_softmax_backward_cuda_variants();
std::vector<Sample> softmax_samples();
std::vector<Sample> softmax_backward_samples(bool log);
Cost softmax_cost(const KernelQuery& query);

}  // namespace gradus
