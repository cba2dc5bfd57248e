// SPDX-License-Identifier: Apache-2.0
// Whole numbers small enough that every sum is exact: each kernel must equal int64 loops.
#include "kernels/convolution.h"

#include <gtest/gtest.h>

#include <vector>

#include "engine/base/instruction_set.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

using Numbers = std::vector<int64_t>;

Numbers whole_numbers(int64_t count, uint64_t seed) {
  Numbers values(static_cast<size_t>(count));
  uint64_t state = seed * 2654435761u + 1;
  for (int64_t& value : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<int64_t>(state >> 33) % 9 - 4;
  }
  return values;
}

ConvolutionShape make(int64_t batch, int64_t in, int64_t out, int64_t groups,
                      std::array<int64_t, 3> input, std::array<int64_t, 3> kernel,
                      std::array<int64_t, 3> stride = {1, 1, 1},
                      std::array<int64_t, 3> padding = {0, 0, 0},
                      std::array<int64_t, 3> dilation = {1, 1, 1}) {
  ConvolutionShape s{batch, in, out, groups, input, {}, kernel, stride, padding, dilation};
  for (size_t d = 0; d < 3; ++d)
    s.output[d] = (input[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d] + 1;
  return s;
}

std::vector<ConvolutionShape> shapes() {
  std::vector<ConvolutionShape> list = {
      make(1, 1, 1, 1, {1, 1, 1}, {1, 1, 1}),
      make(2, 3, 5, 1, {1, 7, 9}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}),
      make(9, 1, 4, 1, {1, 6, 5}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}),
      make(2, 4, 6, 2, {1, 8, 7}, {1, 3, 2}, {1, 2, 1}, {0, 1, 0}),
      make(1, 6, 6, 6, {1, 9, 9}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}),
      make(2, 2, 3, 1, {1, 11, 10}, {1, 3, 2}, {1, 1, 2}, {0, 2, 1}, {1, 2, 3}),
      make(2, 3, 2, 1, {4, 5, 6}, {2, 3, 2}, {1, 2, 1}, {1, 0, 1}),
      make(3, 2, 2, 1, {1, 1, 17}, {1, 1, 4}, {1, 1, 3}, {0, 0, 2}),
      make(1, 40, 101, 1, {1, 6, 7}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}),
      make(1, 3, 4, 1, {1, 2, 2}, {1, 5, 5}, {1, 1, 1}, {0, 2, 2}),
      make(20, 3, 4, 1, {1, 4, 4}, {1, 2, 2}),
      make(0, 2, 3, 1, {1, 4, 4}, {1, 2, 2}),
      // Blocks of positions, parts of channels, groups of taps and panels that end unevenly.
      make(9, 16, 17, 1, {1, 7, 6}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}),
      make(2, 67, 33, 1, {1, 9, 8}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}),
      make(2, 300, 18, 1, {1, 4, 3}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}),
      make(3, 330, 3, 1, {1, 5, 4}, {1, 1, 1}, {1, 2, 2}),
      make(2, 3, 20, 1, {1, 15, 14}, {1, 7, 7}, {1, 2, 2}, {0, 3, 3}),
      // Winograd's: tiles over the edge, every padding, channels past a block of depth.
      make(3, 64, 96, 1, {1, 7, 9}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}),
      make(2, 96, 64, 1, {1, 6, 5}, {1, 3, 3}),
      make(1, 64, 64, 1, {1, 4, 3}, {1, 3, 3}, {1, 1, 1}, {0, 2, 2}),
      make(9, 288, 64, 1, {1, 5, 8}, {1, 3, 3}, {1, 1, 1}, {0, 1, 0}),
      make(2, 48, 36, 2, {1, 6, 7}, {1, 3, 3}, {1, 3, 2}, {0, 1, 1}, {1, 2, 3}),
  };
  // Few channels: blocks that cut lines, or end with fewer; depth, dilation, padding past the
  // image.
  list.push_back(make(3, 1, 32, 1, {1, 28, 28}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}));
  list.push_back(make(2, 3, 21, 1, {1, 9, 450}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}));
  list.push_back(make(2, 15, 16, 1, {1, 5, 200}, {1, 3, 5}, {1, 1, 1}, {0, 1, 2}, {1, 2, 1}));
  list.push_back(make(2, 2, 33, 1, {5, 6, 7}, {3, 3, 3}, {2, 1, 1}, {4, 5, 6}, {2, 1, 1}));
  list.push_back(make(1, 1, 3, 1, {1, 1, 2000}, {1, 1, 300}, {1, 1, 7}, {0, 0, 150}));
  // Elements past the last window, and more padding before than after.
  list.push_back(make(1, 1, 1, 1, {1, 1, 8}, {1, 1, 2}, {1, 1, 3}));
  list.push_back(list[1]);
  list.back().padding = {0, 2, 2};
  return list;
}

// Where an activation has image n, channel c and position p, in the order of dims of `s`.
size_t activation_index(const ConvolutionShape& s, int64_t channels, int64_t positions, int64_t n,
                        int64_t c, int64_t p) {
  return static_cast<size_t>(s.channels_last ? (n * positions + p) * channels + c
                                             : (n * channels + c) * positions + p);
}

// Calls visit(index of input, of weight, of output) for every product of the sum.
template <class Visit>
void each_product(const ConvolutionShape& s, Visit&& visit) {
  const int64_t in = s.group_in_channels(), out = s.group_out_channels();
  for (int64_t n = 0; n < s.batch; ++n)
    for (int64_t o = 0; o < s.out_channels; ++o)
      for (int64_t c = 0; c < in; ++c)
        for (int64_t p = 0; p < s.output_size(); ++p)
          for (int64_t t = 0; t < s.kernel_size(); ++t) {
            const std::array<int64_t, 3> at{p / (s.output[1] * s.output[2]),
                                            p / s.output[2] % s.output[1], p % s.output[2]};
            const std::array<int64_t, 3> tap{t / (s.kernel[1] * s.kernel[2]),
                                             t / s.kernel[2] % s.kernel[1], t % s.kernel[2]};
            int64_t from = 0;
            bool inside = true;
            for (size_t d = 0; d < 3; ++d) {
              const int64_t i = at[d] * s.stride[d] - s.padding[d] + tap[d] * s.dilation[d];
              inside = inside && i >= 0 && i < s.input[d];
              from = from * s.input[d] + i;
            }
            if (!inside) continue;
            const int64_t channel = o / out * in + c;
            visit(activation_index(s, s.in_channels, s.input_size(), n, channel, from),
                  static_cast<size_t>((o * in + c) * s.kernel_size() + t),
                  activation_index(s, s.out_channels, s.output_size(), n, o, p));
          }
}

// The three tensors of a shape, and what each kernel should make of the other two.
struct Case {
  ConvolutionShape shape;
  Numbers input, weight, output, bias;
  Numbers expected_output, expected_input, expected_weight;

  explicit Case(const ConvolutionShape& s)
      : shape(s),
        input(whole_numbers(s.batch * s.in_channels * s.input_size(), 1)),
        weight(whole_numbers(s.out_channels * s.group_in_channels() * s.kernel_size(), 2)),
        output(whole_numbers(s.batch * s.out_channels * s.output_size(), 3)),
        bias(whole_numbers(s.out_channels, 4)),
        expected_output(output.size()),
        expected_input(input.size()),
        expected_weight(weight.size()) {
    const auto channels = static_cast<size_t>(s.out_channels);
    for (size_t i = 0; i < output.size(); ++i)
      expected_output[i] =
          bias[(s.channels_last ? i : i / static_cast<size_t>(s.output_size())) % channels];
    each_product(s, [&](size_t i, size_t w, size_t o) {
      expected_output[o] += input[i] * weight[w];
      expected_input[i] += output[o] * weight[w];
      expected_weight[w] += output[o] * input[i];
    });
  }
};

template <class T>
std::vector<T> as(const Numbers& values) {
  return {values.begin(), values.end()};
}

enum class Kernel { reference, packed, channels_last, few_channels, winograd };

struct Workspace {
  std::vector<char> bytes;
  void* get(int64_t count) {
    bytes.assign(static_cast<size_t>(count) + 64, static_cast<char>(0xff));  // NaN
    return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(bytes.data()) + 63) / 64 * 64);
  }
};

template <class T>
void check_forward(const Case& c, DType dtype, Kernel kernel) {
  const std::vector<T> x = as<T>(c.input), w = as<T>(c.weight), b = as<T>(c.bias);
  std::vector<T> y(c.output.size(), T(99));
  const ConvolutionArgs args{dtype, c.shape, x.data(), w.data(), b.data(), y.data()};
  Workspace workspace;
  if (kernel == Kernel::packed)
    convolution_cpu_packed(args, workspace.get(convolution_packed_workspace(dtype, c.shape)));
  else if (kernel == Kernel::channels_last)
    convolution_cpu_channels_last(args,
                                  workspace.get(convolution_channels_last_workspace(c.shape)));
  else if (kernel == Kernel::few_channels)
    convolution_cpu_few_channels(args, workspace.get(convolution_few_channels_workspace(c.shape)));
  else if (kernel == Kernel::winograd)
    convolution_cpu_winograd(args, workspace.get(convolution_winograd_workspace(c.shape)));
  else
    convolution_cpu_reference(args);
  EXPECT_EQ(y, as<T>(c.expected_output));
}

template <class T>
void check_backward_input(const Case& c, DType dtype, Kernel kernel) {
  const std::vector<T> w = as<T>(c.weight), dy = as<T>(c.output);
  std::vector<T> dx(c.input.size(), T(99));
  const ConvolutionBackwardInputArgs args{dtype, c.shape, dy.data(), w.data(), dx.data()};
  Workspace workspace;
  if (kernel == Kernel::packed)
    convolution_backward_input_cpu_packed(
        args, workspace.get(convolution_backward_input_packed_workspace(dtype, c.shape)));
  else if (kernel == Kernel::channels_last)
    convolution_backward_input_cpu_channels_last(
        args, workspace.get(convolution_backward_input_channels_last_workspace(c.shape)));
  else if (kernel == Kernel::winograd)
    convolution_backward_input_cpu_winograd(
        args, workspace.get(convolution_backward_input_winograd_workspace(c.shape)));
  else
    convolution_backward_input_cpu_reference(args);
  EXPECT_EQ(dx, as<T>(c.expected_input));
}

template <class T>
void check_backward_weight(const Case& c, DType dtype, Kernel kernel) {
  const std::vector<T> x = as<T>(c.input), dy = as<T>(c.output);
  std::vector<T> dw(c.weight.size(), T(99));
  const ConvolutionBackwardWeightArgs args{dtype, c.shape, x.data(), dy.data(), dw.data()};
  Workspace workspace;
  if (kernel == Kernel::packed)
    convolution_backward_weight_cpu_packed(
        args, workspace.get(convolution_backward_weight_packed_workspace(dtype, c.shape)));
  else if (kernel == Kernel::channels_last)
    convolution_backward_weight_cpu_channels_last(
        args, workspace.get(convolution_backward_weight_channels_last_workspace(c.shape)));
  else if (kernel == Kernel::few_channels)
    convolution_backward_weight_cpu_few_channels(
        args, workspace.get(convolution_backward_weight_few_channels_workspace(c.shape)));
  else if (kernel == Kernel::winograd)
    convolution_backward_weight_cpu_winograd(
        args, workspace.get(convolution_backward_weight_winograd_workspace(c.shape)));
  else
    convolution_backward_weight_cpu_reference(args);
  EXPECT_EQ(dw, as<T>(c.expected_weight));
}

// Runs check(case, kernel) for all shapes, kernels and orders of dims.
template <class Check>
void check_all(Check&& check) {
  int index = 0;
  for (ConvolutionShape shape : shapes()) {
    for (const bool last : {false, true}) {
      shape.channels_last = last;
      const Case c(shape);
      std::vector<Kernel> kernels{Kernel::reference, last ? Kernel::channels_last : Kernel::packed};
      if (last && convolution_fits_winograd(shape)) kernels.push_back(Kernel::winograd);
      if (convolution_fits_few_channels(shape)) kernels.push_back(Kernel::few_channels);
      for (const Kernel kernel : kernels) {
        SCOPED_TRACE("shape " + std::to_string(index) + (last ? ", channels last" : "") +
                     (kernel == Kernel::reference      ? ", reference"
                      : kernel == Kernel::winograd     ? ", winograd"
                      : kernel == Kernel::few_channels ? ", few channels"
                                                       : ""));
        check(c, kernel);
      }
    }
    ++index;
  }
}

TEST(convolution, IsExactOnWholeNumbers) {
  check_all([](const Case& c, Kernel kernel) {
    check_forward<float>(c, DType::f32, kernel);
    if (!c.shape.channels_last || kernel == Kernel::reference)
      check_forward<double>(c, DType::f64, kernel);
  });
}

TEST(convolution_backward_input, IsExactOnWholeNumbers) {
  check_all([](const Case& c, Kernel kernel) {
    if (kernel == Kernel::few_channels) return;  // has no such kernel
    check_backward_input<float>(c, DType::f32, kernel);
    if (!c.shape.channels_last || kernel == Kernel::reference)
      check_backward_input<double>(c, DType::f64, kernel);
  });
}

TEST(convolution_backward_weight, IsExactOnWholeNumbers) {
  check_all([](const Case& c, Kernel kernel) {
    check_backward_weight<float>(c, DType::f32, kernel);
    if (!c.shape.channels_last || kernel == Kernel::reference)
      check_backward_weight<double>(c, DType::f64, kernel);
  });
}

TEST(convolution, FitsWinogradSomewhere) {
  ConvolutionShape s = make(1, 64, 64, 1, {1, 4, 4}, {1, 3, 3});
  EXPECT_EQ(convolution_fits_winograd(s), instruction_set() != InstructionSet::base);
  s.stride = {1, 2, 2};
  EXPECT_FALSE(convolution_fits_winograd(s));
}

TEST(convolution, FitsFewChannelsSomewhere) {
  ConvolutionShape s = make(1, 3, 64, 1, {1, 32, 32}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1});
  EXPECT_FALSE(convolution_fits_few_channels(s));
  s.channels_last = true;
  EXPECT_TRUE(convolution_fits_few_channels(s));
  s.dilation[2] = 2;
  EXPECT_FALSE(convolution_fits_few_channels(s));
  s = make(1, 16, 64, 1, {1, 32, 32}, {1, 3, 3});
  s.channels_last = true;
  EXPECT_FALSE(convolution_fits_few_channels(s));
  s = make(1, 1, 4, 1, {1, 4000, 4000}, {1, 2000, 1});  // too tall for a copy
  s.channels_last = true;
  EXPECT_FALSE(convolution_fits_few_channels(s));
}

// What run(workspace, result) makes of `elements` numbers must not depend on the threads.
template <class Run>
void check_threads(int64_t workspace_bytes, int64_t elements, Run&& run) {
  std::vector<std::vector<float>> results;
  const int before = thread_count();
  for (const int threads : {1, 2}) {
    set_thread_count(threads);
    results.emplace_back(static_cast<size_t>(elements));
    Workspace workspace;
    run(workspace.get(workspace_bytes), results.back().data());
  }
  set_thread_count(before);
  EXPECT_EQ(results[0], results[1]);
}

// Tensors of one shape whose sums are rounded.
struct Rounded {
  ConvolutionShape s;
  std::vector<float> x, w, dy;

  explicit Rounded(const ConvolutionShape& shape)
      : s(shape),
        x(static_cast<size_t>(s.batch * s.in_channels * s.input_size())),
        w(static_cast<size_t>(s.out_channels * s.in_channels * s.kernel_size())),
        dy(static_cast<size_t>(s.batch * s.out_channels * s.output_size())) {
    for (size_t i = 0; i < x.size(); ++i) x[i] = 1.0f / static_cast<float>(i + 3);
    for (size_t i = 0; i < w.size(); ++i) w[i] = 1.0f / static_cast<float>(i + 7);
    for (size_t i = 0; i < dy.size(); ++i) dy[i] = static_cast<float>(i % 101) / 7.0f;
  }
  ConvolutionArgs forward(float* y) const {
    return {DType::f32, s, x.data(), w.data(), nullptr, y};
  }
  ConvolutionBackwardInputArgs backward_input(float* dx) const {
    return {DType::f32, s, dy.data(), w.data(), dx};
  }
  ConvolutionBackwardWeightArgs backward_weight(float* dw) const {
    return {DType::f32, s, x.data(), dy.data(), dw};
  }
};

int64_t count(const std::vector<float>& values) { return static_cast<int64_t>(values.size()); }

TEST(convolution, GivesTheSameBitsForAnyNumberOfThreads) {
  Rounded t(make(20, 3, 7, 1, {1, 13, 11}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}));
  check_threads(convolution_backward_weight_packed_workspace(DType::f32, t.s), count(t.w),
                [&](void* workspace, float* dw) {
                  convolution_backward_weight_cpu_packed(t.backward_weight(dw), workspace);
                });
  t.s.channels_last = true;
  check_threads(
      convolution_channels_last_workspace(t.s), count(t.dy),
      [&](void* workspace, float* y) { convolution_cpu_channels_last(t.forward(y), workspace); });
  check_threads(convolution_backward_input_channels_last_workspace(t.s), count(t.x),
                [&](void* workspace, float* dx) {
                  convolution_backward_input_cpu_channels_last(t.backward_input(dx), workspace);
                });
  check_threads(convolution_backward_weight_channels_last_workspace(t.s), count(t.w),
                [&](void* workspace, float* dw) {
                  convolution_backward_weight_cpu_channels_last(t.backward_weight(dw), workspace);
                });
}

TEST(convolution, GivesTheSameBitsForAnyNumberOfThreadsOfFewChannels) {
  Rounded t(make(20, 3, 7, 1, {1, 13, 11}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}));
  t.s.channels_last = true;
  check_threads(
      convolution_few_channels_workspace(t.s), count(t.dy),
      [&](void* workspace, float* y) { convolution_cpu_few_channels(t.forward(y), workspace); });
  check_threads(convolution_backward_weight_few_channels_workspace(t.s), count(t.w),
                [&](void* workspace, float* dw) {
                  convolution_backward_weight_cpu_few_channels(t.backward_weight(dw), workspace);
                });
}

TEST(convolution, GivesTheSameBitsForAnyNumberOfThreadsByWinograd) {
  Rounded t(make(3, 64, 32, 1, {1, 13, 11}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}));
  t.s.channels_last = true;
  if (!convolution_fits_winograd(t.s)) GTEST_SKIP() << "no vector instructions";
  check_threads(convolution_winograd_workspace(t.s), count(t.dy), [&](void* workspace, float* y) {
    convolution_cpu_winograd(t.forward(y), workspace);
  });
  check_threads(convolution_backward_input_winograd_workspace(t.s), count(t.x),
                [&](void* workspace, float* dx) {
                  convolution_backward_input_cpu_winograd(t.backward_input(dx), workspace);
                });
  check_threads(convolution_backward_weight_winograd_workspace(t.s), count(t.w),
                [&](void* workspace, float* dw) {
                  convolution_backward_weight_cpu_winograd(t.backward_weight(dw), workspace);
                });
}

}  // namespace
}  // namespace gradus::kernels
