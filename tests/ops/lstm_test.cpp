// SPDX-License-Identifier: Apache-2.0
// What the generic test cannot know of rnn, lstm and gru: sequences of their own length, gates
// forced open or shut, one step at a time against all at once, messages.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/ops/graph_call.h"

namespace gradus {
namespace {

struct Kind {
  std::string_view op;
  int64_t gates;
};
constexpr Kind kinds[] = {{"rnn", 1}, {"lstm", 4}, {"gru", 3}};

// Inputs of the op: x, hx, (cx,) lengths, then weights of `sets` layers and directions of size 3.
std::vector<Tensor> inputs_of(const Kind& kind, const Tensor& x, const Tensor& lengths,
                              int64_t sets, const Tensor& hx = {}, const Tensor& cx = {}) {
  std::vector<Tensor> list{x, hx};
  if (kind.op == "lstm") list.push_back(cx);
  list.push_back(lengths);
  const int64_t width = kind.gates * 3;
  for (int64_t set = 0; set < sets; ++set) {
    const auto seed = static_cast<uint64_t>(100 + 4 * set);
    list.push_back(random_tensor(DType::f64, {width, set < 2 ? x.shape()[2] : 6}, seed));
    list.push_back(random_tensor(DType::f64, {width, 3}, seed + 1));
    list.push_back(random_tensor(DType::f64, {width}, seed + 2));
    list.push_back(random_tensor(DType::f64, {width}, seed + 3));
  }
  return list;
}

// Steps [0, length) of sequence n of x (steps, batch, inputs).
Tensor sequence(const Tensor& x, int64_t n, int64_t length) {
  const Tensor one = call("slice", {x}, {{"dim", 1}, {"start", n}, {"end", n + 1}}).outputs[0];
  return call("slice", {one}, {{"dim", 0}, {"start", 0}, {"end", length}}).outputs[0];
}

TEST(Lstm, a_padded_sequence_equals_its_own_run) {
  const AttrList attrs{{"num_layers", 2}, {"bidirectional", true}};
  const std::vector<int64_t> lengths{3, 5, 1};
  const Tensor x = random_tensor(DType::f64, {5, 3, 2}, 1),
               seed = random_tensor(DType::f64, {5, 3, 6}, 2);
  for (const Kind& kind : kinds) {
    const Called padded = call(kind.op, inputs_of(kind, x, whole({3}, lengths), 4), attrs, seed);
    const std::vector<double> out = padded.outputs[0].to_doubles();
    const std::vector<double> dx = padded.gradients[0].to_doubles();
    for (int64_t n = 0; n < 3; ++n) {
      const int64_t length = lengths[static_cast<size_t>(n)];
      const Called alone = call(kind.op, inputs_of(kind, sequence(x, n, length), {}, 4), attrs,
                                sequence(seed, n, length));
      const std::vector<double> own = alone.outputs[0].to_doubles();
      const std::vector<double> own_dx = alone.gradients[0].to_doubles();
      for (int64_t t = 0; t < 5; ++t) {
        for (int64_t u = 0; u < 6; ++u) {
          const double value = out[static_cast<size_t>((t * 3 + n) * 6 + u)];
          const double expected = t < length ? own[static_cast<size_t>(t * 6 + u)] : 0;
          EXPECT_NEAR(value, expected, t < length ? 1e-13 : 0) << kind.op;
        }
        for (int64_t i = 0; i < 2; ++i) {
          const double value = dx[static_cast<size_t>((t * 3 + n) * 2 + i)];
          const double expected = t < length ? own_dx[static_cast<size_t>(t * 2 + i)] : 0;
          EXPECT_NEAR(value, expected, t < length ? 1e-12 : 0) << kind.op;
        }
      }
      const std::vector<double> last = padded.outputs[1].to_doubles();
      const std::vector<double> own_last = alone.outputs[1].to_doubles();
      for (int64_t set = 0; set < 4; ++set)
        for (int64_t u = 0; u < 3; ++u)
          EXPECT_NEAR(last[static_cast<size_t>((set * 3 + n) * 3 + u)],
                      own_last[static_cast<size_t>(set * 3 + u)], 1e-13)
              << kind.op;
    }
  }
}

TEST(Lstm, one_step_at_a_time_equals_the_whole_sequence) {
  const Tensor x = random_tensor(DType::f64, {7, 2, 2}, 1);
  for (const Kind& kind : kinds) {
    const std::vector<double> all =
        call(kind.op, inputs_of(kind, x, {}, 1)).outputs[0].to_doubles();
    Tensor h = Tensor::zeros(DType::f64, {1, 2, 3}), c = h;
    for (int64_t t = 0; t < 7; ++t) {
      const Tensor step = call("slice", {x}, {{"dim", 0}, {"start", t}, {"end", t + 1}}).outputs[0];
      const std::vector<Tensor> out = call(kind.op, inputs_of(kind, step, {}, 1, h, c)).outputs;
      h = out[1];
      if (kind.op == "lstm") c = out[2];
      const std::vector<double> one = out[0].to_doubles();
      for (size_t i = 0; i < 6; ++i)
        EXPECT_NEAR(one[i], all[static_cast<size_t>(t) * 6 + i], 1e-12) << kind.op;
    }
  }
}

TEST(Lstm, an_open_forget_gate_keeps_the_cell_for_a_thousand_steps) {
  std::vector<double> bias(12, 0);
  for (size_t u = 0; u < 3; ++u) {
    bias[u] = -1000;     // input gate 0
    bias[3 + u] = 1000;  // forget gate 1
  }
  for (const DType dtype : {DType::f32, DType::f64}) {
    const auto typed = [&](const Tensor& tensor) { return tensor.cast(dtype); };
    const std::vector<Tensor> out = call("lstm", {random_tensor(dtype, {1000, 1, 2}, 1),
                                                  Tensor::zeros(dtype, {1, 1, 3}),
                                                  typed(doubles({1, 1, 3}, {0.5, -2, 3})),
                                                  {},
                                                  random_tensor(dtype, {12, 2}, 2),
                                                  random_tensor(dtype, {12, 3}, 3),
                                                  typed(doubles({12}, bias)),
                                                  Tensor::zeros(dtype, {12})})
                                        .outputs;
    const std::vector<double> cell = out[2].to_doubles();
    EXPECT_NEAR(cell[0], 0.5, 1e-6);
    EXPECT_NEAR(cell[1], -2, 1e-6);
    EXPECT_NEAR(cell[2], 3, 1e-6);
  }
}

TEST(Gru, an_update_gate_that_keeps_holds_the_state) {
  std::vector<double> bias(9, 0);
  for (size_t u = 3; u < 6; ++u) bias[u] = 1000;  // z = 1
  const Tensor h = doubles({1, 1, 3}, {0.5, -2, 3});
  const std::vector<Tensor> out = call("gru", {random_tensor(DType::f64, {100, 1, 2}, 1),
                                               h,
                                               {},
                                               random_tensor(DType::f64, {9, 2}, 2),
                                               random_tensor(DType::f64, {9, 3}, 3),
                                               doubles({9}, bias),
                                               Tensor::zeros(DType::f64, {9})})
                                      .outputs;
  for (size_t u = 0; u < 3; ++u) EXPECT_NEAR(out[1].to_doubles()[u], h.to_doubles()[u], 1e-12);
}

TEST(Lstm, messages_say_what_was_expected) {
  const Tensor x = random_tensor(DType::f64, {5, 3, 2}, 1);
  const Kind lstm = kinds[1];
  std::vector<Tensor> inputs = inputs_of(lstm, x, whole({3}, {3, 6, 1}), 1);
  EXPECT_EQ(failure_of("lstm", inputs), "[recurrence] lengths[1], expected 0 to 5 steps, got 6");
  inputs = inputs_of(lstm, x, {}, 1);
  inputs.pop_back();
  EXPECT_EQ(
      failure_of("lstm", inputs),
      "[lstm] weights, expected 2 or (with biases) 4 for each of 1 layers and directions, got 3");
  EXPECT_EQ(failure_of("rnn", inputs_of(kinds[0], x, {}, 1), {{"nonlinearity", "sigmoid"}}),
            "[rnn] attribute 'nonlinearity', expected tanh or relu, got 'sigmoid'");
}

}  // namespace
}  // namespace gradus
