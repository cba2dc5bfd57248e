// SPDX-License-Identifier: Apache-2.0
#include "tools/machine_peaks.h"

#include <algorithm>
#include <chrono>

#include "engine/base/parallel.h"
#include "engine/exec/kernel_call.h"
#include "engine/op/registry.h"

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;

// Seconds of the shortest of the calls that fit into `budget` seconds; at least three.
template <class Body>
double shortest(double budget, Body&& body) {
  const Clock::time_point begin = Clock::now();
  double best = 1e30;
  for (int calls = 0;; ++calls) {
    const Clock::time_point start = Clock::now();
    body();
    const Clock::time_point end = Clock::now();
    best = std::min(best, std::chrono::duration<double>(end - start).count());
    if (calls >= 2 && std::chrono::duration<double>(end - begin).count() > budget) return best;
  }
}

double matmul_flops(double seconds) {
  constexpr int64_t n = 1024;
  const OpDef& op = get_op("matmul");
  const Attrs attrs("matmul", op.attributes, {});
  const TensorSpec spec{DType::f32, {n, n}};
  const TensorSpec in[] = {spec, spec}, out[] = {spec};
  Device& device = cpu_device();
  KernelCall call(op, attrs, in, out, device);
  const Tensor a = Tensor::full(DType::f32, {n, n}, 0.5), b = Tensor::full(DType::f32, {n, n}, 2);
  const Tensor c(DType::f32, {n, n});
  const Buffer workspace(device, call.workspace_bytes());
  void* const inputs[] = {a.data(), b.data()};
  void* const outputs[] = {c.data()};
  call.bind(inputs, outputs, workspace.data(), device.default_stream(), nullptr);
  return 2.0 * n * n * n / shortest(seconds, [&] { call.run(); });
}

double stream_bytes(double seconds) {
  constexpr int64_t count = 16 << 20;  // 64 MiB an array
  const Tensor b = Tensor::full(DType::f32, {count}, 1), c = Tensor::full(DType::f32, {count}, 2);
  const Tensor a = Tensor::zeros(DType::f32, {count});
  auto* out = a.data_as<float>();
  const auto *x = b.data_as<float>(), *y = c.data_as<float>();
  const double best = shortest(seconds, [&] {
    parallel_range(count, 1 << 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = x[i] + 0.25f * y[i];
    });
  });
  return 3.0 * sizeof(float) * count / best;
}

}  // namespace

MachinePeaks measure_peaks(double seconds) {
  return {matmul_flops(seconds / 2), stream_bytes(seconds / 2)};
}

}  // namespace gradus
