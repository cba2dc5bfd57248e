// SPDX-License-Identifier: Apache-2.0
// What softmax, log_softmax and their backward ops share.
#pragma once

#include "engine/op/op.h"

namespace gradus {

std::vector<TensorSpec> infer_softmax(const InferArgs& args);
std::vector<TensorSpec> infer_softmax_backward(const InferArgs& args);
std::vector<KernelVariant> softmax_variants();
std::vector<KernelVariant> log_softmax_variants();
std::vector<KernelVariant> softmax_backward_variants();
std::vector<KernelVariant> log_softmax_backward_variants();
std::vector<Sample> softmax_samples();
std::vector<Sample> softmax_backward_samples(bool log);
Cost softmax_cost(const KernelQuery& query);

}  // namespace gradus
