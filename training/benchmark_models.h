// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "training/program.h"

namespace gradus {

// A model of fixed sizes with its batch and optimizer, for measuring steps. benchmarks/peers holds
// the same ones in PyTorch.
struct BenchmarkModel {
  std::string_view name;
  Model model;
  BatchSpec spec;
  int64_t classes = 10;
  Optimizer optimizer;
  double lr = 0;
};

// "mlp", "cnn", "resnet18", "lstm", "gpt_v256", "gpt_v8192", "gpt2_124m".
std::vector<std::string_view> benchmark_model_names();
// Throws invalid_argument for an unknown name.
BenchmarkModel benchmark_model(std::string_view name);

// A random batch that depends on the model's name alone.
HostBatch benchmark_batch(const BenchmarkModel& model);

}  // namespace gradus
