// SPDX-License-Identifier: Apache-2.0
// What layers promise beside their shapes: which element depends on which, identities, and what
// positions are for. Sizes of strides and paddings.
#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "engine/autodiff/gradients.h"
#include "engine/exec/executable.h"
#include "models/gpt.h"
#include "models/layers/layer.h"
#include "ops/ops.h"
#include "tests/ops/graph_call.h"
#include "training/program.h"

namespace gradus {
namespace {

// A network on an input, as a graph with its first weights.
class Built {
 public:
  using Network = std::function<Value(Place&, Value)>;

  Built(const Network& network, const TensorSpec& input, bool with_gradient = false) {
    register_all_ops();
    Place place{graph_, parameters_, DType::f64, false};
    const Value x = graph_.input("x", input.dtype, input.shape), y = network(place, x);
    graph_.output("y", y);
    if (with_gradient) graph_.output("dx", gradients(sum(y), std::span(&x, 1))[0]);
    StateStore states(cpu_device());
    set_first_values(parameters_, 5, states);
    for (const Parameter& parameter : parameters_.all())
      weights[parameter.name] = states.get(parameter.name);
  }

  std::vector<double> run(const Tensor& x, const std::string& output = "y") {
    TensorMap states = weights;
    return run_stepwise(graph_, {{"x", x}}, states).at(output).to_doubles();
  }

  TensorMap weights;

 private:
  Graph graph_;
  ParameterTable parameters_;
};

TEST(FeedForwardLayer, EachPositionDependsOnItselfAlone) {
  Built built([](Place& place, Value x) { return feed_forward_layer(place, "mlp", x); },
              {DType::f64, {2, 3, 5}});
  EXPECT_EQ(built.weights.at("mlp.c_fc.weight").shape(), (Shape{20, 5}));
  Tensor x = random_tensor(DType::f64, {2, 3, 5}, 1);
  const std::vector<double> before = built.run(x);
  x.data_as<double>()[4 * 5 + 2] += 1;  // in the 5th of 6 positions
  const std::vector<double> after = built.run(x);
  for (size_t i = 0; i < 30; ++i) EXPECT_EQ(before[i] != after[i], i / 5 == 4) << i;
}

TEST(FeedForwardLayer, IsTwoLinearLayersAroundTheActivation) {
  const FeedForwardOptions options{.hidden = 4, .activation = "relu"};
  Built built([&](Place& place, Value x) { return feed_forward_layer(place, "mlp", x, options); },
              {DType::f64, {3, 5}});
  const Tensor x = random_tensor(DType::f64, {3, 5}, 2);
  const auto linear = [&](const Tensor& input, const std::string& name) {
    return call("linear",
                {input, built.weights.at(name + ".weight"), built.weights.at(name + ".bias")})
        .outputs[0];
  };
  const Tensor hidden = call("relu", {linear(x, "mlp.c_fc")}).outputs[0];
  EXPECT_EQ(built.run(x), linear(hidden, "mlp.c_proj").to_doubles());
}

TEST(ResidualLayer, WithAPartOfZeroIsTheIdentityWithGradientOne) {
  const LinearOptions zero{.init = Initialiser::constant(0)};
  Built built(
      [&](Place& place, Value x) {
        return residual_layer(place, "block", x,
                              [&](Value in) { return linear_layer(place, "fc", in, 5, zero); });
      },
      {DType::f64, {3, 5}}, true);
  const Tensor x = random_tensor(DType::f64, {3, 5}, 3);
  EXPECT_EQ(built.run(x), x.to_doubles());
  EXPECT_EQ(built.run(x, "dx"), std::vector<double>(15, 1.0));
}

TEST(ResidualLayer, AnotherShapeNeedsAProjection) {
  const auto network = [](int64_t out, bool projection) {
    return [=](Place& place, Value x) {
      return residual_layer(
          place, "block", x, [&](Value in) { return linear_layer(place, "fc", in, out); },
          projection);
    };
  };
  const TensorSpec spec{DType::f64, {3, 5}};
  try {
    Built(network(4, false), spec);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "[block] residual layer, expected a part that gives (3, 5), got (3, 4)");
  }
  Built built(network(4, true), spec);
  EXPECT_EQ(built.weights.at("block.shortcut.weight").shape(), (Shape{4, 5}));
  const Tensor x = random_tensor(DType::f64, {3, 5}, 4);
  const Tensor part =
      call("linear", {x, built.weights.at("block.fc.weight"), built.weights.at("block.fc.bias")})
          .outputs[0];
  const Tensor shortcut =
      call("linear", {x, built.weights.at("block.shortcut.weight"), {}}).outputs[0];
  EXPECT_EQ(built.run(x), call("add", {part, shortcut}).outputs[0].to_doubles());
  const auto pooled = [](Place& place, Value x) {
    return residual_layer(
        place, "block", x, [](Value in) { return mean(in, {0}); }, true);
  };
  EXPECT_THROW(Built(pooled, spec), Error);
}

// Attention between all tokens, then their mean: a bag of tokens, unless positions are added.
struct Reader {
  bool with_positions;

  Value operator()(Place& place, Value tokens) const {
    const int64_t seq = tokens.shape()[1], width = 8;
    Value x = embedding_layer(place, "wte", tokens, 3, width);
    if (with_positions)
      x = x + place.graph.apply(get_op("sinusoidal_positions"), {},
                                {{"length", seq}, {"width", width}, {"dtype", place.dtype}})[0];
    x = residual_layer(place, "h", x, [&](Value in) {
      return attention_layer(place, "attn", in, {.heads = 2, .causal = false});
    });
    x = residual_layer(place, "f", x,
                       [&](Value in) { return feed_forward_layer(place, "mlp", in); });
    return linear_layer(place, "head", mean(x, {1}), 2);
  }
};

TEST(Positions, WithoutThemAttentionReadsABagOfTokens) {
  const Tensor forth = whole({1, 4}, {0, 1, 2, 0}), back = whole({1, 4}, {0, 2, 1, 0});
  const auto difference = [&](bool with_positions) {
    Built built(Reader{with_positions}, {DType::i64, {1, 4}});
    const std::vector<double> a = built.run(forth), b = built.run(back);
    return std::max(std::fabs(a[0] - b[0]), std::fabs(a[1] - b[1]));
  };
  EXPECT_LT(difference(false), 1e-12);
  EXPECT_GT(difference(true), 1e-3);
}

// All pairs of different tokens at two of four places: which of the two comes first?
struct Learnt {
  double accuracy, loss;
};
Learnt train_on_order(bool with_positions) {
  register_all_ops();
  std::vector<int64_t> tokens, classes;
  for (int64_t first = 0; first < 4; ++first)
    for (int64_t second = first + 1; second < 4; ++second)
      for (const int64_t order : {0, 1}) {
        std::vector<int64_t> row(4, 0);
        row[static_cast<size_t>(first)] = 1 + order;
        row[static_cast<size_t>(second)] = 2 - order;
        tokens.insert(tokens.end(), row.begin(), row.end());
        classes.push_back(order);
      }
  const BatchSpec spec{12, {4}, {}, true};
  ParameterTable parameters;
  StateStore states(cpu_device());
  Arena arena(cpu_device());
  const Model model = Reader{with_positions};
  Executable training(
      training_graph(model, spec, DType::f32, make_optimizer("adam"), 0, parameters), states,
      arena);
  Executable scoring(evaluation_graph(model, spec, DType::f32, parameters), states, arena);
  set_first_values(parameters, 5, states);
  for (int step = 1; step <= 300; ++step) {
    training.set_input("input", whole({12, 4}, tokens));
    training.set_input("target", whole({12}, classes));
    training.set_input("lr", 0.01);
    training.set_input("step", static_cast<double>(step));
    training.run();
  }
  scoring.set_input("input", whole({12, 4}, tokens));
  scoring.set_input("target", whole({12}, classes));
  scoring.run();
  return {scoring.output("correct").item() / 12, scoring.output("loss_sum").item() / 12};
}

TEST(Positions, WithThemOrderIsLearnt) {
  EXPECT_EQ(train_on_order(true).accuracy, 1);
  // Both orders look the same: nothing beats a fair coin.
  EXPECT_GT(train_on_order(false).loss, std::log(2.0) - 1e-5);
}

TEST(Positions, AGptTakesAnyOfThem) {
  const Tensor tokens = whole({1, 6}, {1, 2, 3, 1, 2, 3});
  for (const auto positions :
       {Gpt::Positions::learned, Gpt::Positions::sinusoidal, Gpt::Positions::none}) {
    const Gpt model{
        .vocabulary = 5, .context = 8, .layers = 1, .heads = 2, .width = 6, .positions = positions};
    Built built([&](Place& place, Value x) { return model.build(place, x); }, {DType::i64, {1, 6}});
    EXPECT_EQ(built.weights.contains("wpe.weight"), positions == Gpt::Positions::learned);
    EXPECT_EQ(built.run(tokens).size(), 30u);
  }
}

// Against the formula in columns of sines and cosines.
TEST(Positions, SinesAndCosinesByHand) {
  const std::vector<double> table =
      call("sinusoidal_positions", {}, {{"length", 50}, {"width", 6}, {"dtype", DType::f64}})
          .outputs[0]
          .to_doubles();
  for (int p = 0; p < 50; ++p)
    for (int i = 0; i < 3; ++i) {
      const double angle = p / std::pow(10000, 2 * i / 6.0);
      EXPECT_NEAR(table[static_cast<size_t>(6 * p + 2 * i)], std::sin(angle), 1e-12);
      EXPECT_NEAR(table[static_cast<size_t>(6 * p + 2 * i + 1)], std::cos(angle), 1e-12);
    }
  EXPECT_NE(failure_of("sinusoidal_positions", {}, {{"length", -1}, {"width", 6}}), "");
  EXPECT_NE(failure_of("sinusoidal_positions", {},
                       {{"length", int64_t{1} << 40}, {"width", int64_t{1} << 40}}),
            "");
  EXPECT_EQ(failure_of("sinusoidal_positions", {}, {{"length", int64_t{1} << 60}, {"width", 0}}),
            "");
}

TEST(MultiHeadAttention, OneHeadWithIdentityProjectionsIsPlainAttention) {
  const int64_t width = 6;
  Tensor in = Tensor::zeros(DType::f64, {3 * width, width}),
         out = Tensor::zeros(DType::f64, {width, width});
  for (int64_t i = 0; i < 3 * width; ++i) in.data_as<double>()[i * width + i % width] = 1;
  for (int64_t i = 0; i < width; ++i) out.data_as<double>()[i * width + i] = 1;
  const Tensor q = random_tensor(DType::f64, {2, 3, width}, 1),
               k = random_tensor(DType::f64, {2, 5, width}, 2),
               v = random_tensor(DType::f64, {2, 5, width}, 3);
  const std::vector<double> got =
      call("multi_head_attention", {q, k, v, in, {}, out, {}, {}}, {{"num_heads", 1}})
          .outputs[0]
          .to_doubles();
  const std::vector<double> plain =
      call("scaled_dot_product_attention", {q, k, v}).outputs[0].to_doubles();
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], plain[i], 1e-15);
  EXPECT_NE(failure_of("multi_head_attention", {q, k, v, in, {}, out, {}, {}}, {{"num_heads", 4}})
                .find("expected a divisor of the width 6, got 4"),
            std::string::npos);
  EXPECT_NE(failure_of("multi_head_attention", {q, k, q, in, {}, out, {}, {}}, {{"num_heads", 1}})
                .find("input 'value', expected (2, 5, 6)"),
            std::string::npos);
}

TEST(Stride, SizesFollowTheFormula) {
  const PhiloxKey key = philox_key({.seed = 7}, 1);
  uint64_t drawn = 0;
  const auto draw = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(philox_word(key, drawn++)) % (high - low + 1);
  };
  for (int settings = 0; settings < 200;) {
    const int64_t in = draw(1, 40), k = draw(1, 7), s = draw(1, 5), p = draw(0, 4), d = draw(1, 3);
    const int64_t left = in + 2 * p - d * (k - 1) - 1;
    if (left < 0) continue;
    ++settings;
    const Shape wanted{1, 1, left / s + 1};
    const Tensor x = Tensor::zeros(DType::f32, {1, 1, in}),
                 w = Tensor::zeros(DType::f32, {1, 1, k});
    const AttrList attrs{{"stride", s}, {"padding", p}, {"dilation", d}};
    EXPECT_EQ(call("conv1d", {x, w, {}}, attrs).outputs[0].shape(), wanted)
        << in << " " << k << " " << s << " " << p << " " << d;
    if (p > k / 2) continue;  // pools pad by half of the kernel at most
    AttrList pool = attrs;
    pool.emplace_back("kernel_size", k);
    EXPECT_EQ(call("max_pool1d", {x}, pool).outputs[0].shape(), wanted)
        << in << " " << k << " " << s << " " << p << " " << d;
  }
  const Tensor image = Tensor::zeros(DType::f32, {1, 1, 32, 32}),
               kernel = Tensor::zeros(DType::f32, {1, 1, 3, 3});
  EXPECT_EQ(call("conv2d", {image, kernel, {}}, {{"stride", 2}, {"padding", 1}}).outputs[0].shape(),
            (Shape{1, 1, 16, 16}));
}

// An even kernel leaves an odd rest, which goes to the end: PyTorch pads (1, 2) for 4 columns.
TEST(Padding, ValidShrinksAndSameKeepsTheSize) {
  const Tensor image = Tensor::zeros(DType::f32, {1, 1, 28, 28}),
               kernel = Tensor::zeros(DType::f32, {1, 1, 5, 5});
  EXPECT_EQ(call("conv2d", {image, kernel, {}}, {{"padding", "valid"}}).outputs[0].shape(),
            (Shape{1, 1, 24, 24}));
  EXPECT_EQ(call("conv2d", {image, kernel, {}}, {{"padding", "same"}}).outputs[0].shape(),
            (Shape{1, 1, 28, 28}));
  const Tensor x = doubles({1, 1, 5}, {1, 2, 3, 4, 5}), ones = doubles({1, 1, 4}, {1, 1, 1, 1});
  EXPECT_EQ(call("conv1d", {x, ones, {}}, {{"padding", "same"}}).outputs[0].to_doubles(),
            (std::vector<double>{6, 10, 14, 12, 9}));
  EXPECT_NE(failure_of("conv1d", {x, ones, {}}, {{"padding", "same"}, {"stride", 2}})
                .find("padding 'same' needs stride 1"),
            std::string::npos);
}

}  // namespace
}  // namespace gradus
