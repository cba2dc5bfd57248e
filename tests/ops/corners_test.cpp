// SPDX-License-Identifier: Apache-2.0
// Where PyTorch's answer is a convention rather than arithmetic: odd attributes, integer corners,
// what is refused. The expected numbers are PyTorch 2.15's.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/ops/graph_call.h"

namespace gradus {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

Tensor as(DType dtype, const Shape& shape, const std::vector<int64_t>& values) {
  return whole(shape, values).cast(dtype);
}

std::vector<double> result(std::string_view op, const std::vector<Tensor>& inputs,
                           const AttrList& attrs = {}) {
  return call(op, inputs, attrs).outputs[0].to_doubles();
}

using Numbers = std::vector<double>;

TEST(Corners, softmax_without_dim_takes_the_implicit_one) {
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3}, Shape{2, 3, 2}, Shape{2, 3, 2, 1}}) {
    const Tensor x = random_tensor(DType::f64, shape, 1);
    const int64_t dim = shape.rank() < 2 || shape.rank() == 3 ? 0 : 1;
    for (const std::string_view op : {"softmax", "log_softmax"}) {
      const Called implicit = call(op, {x}, {}, x), named = call(op, {x}, {{"dim", dim}}, x);
      EXPECT_EQ(implicit.outputs[0].to_doubles(), named.outputs[0].to_doubles());
      EXPECT_EQ(implicit.gradients[0].to_doubles(), named.gradients[0].to_doubles());
    }
  }
}

TEST(Corners, variance_without_a_degree_of_freedom_is_infinite) {
  const Tensor x = doubles({2}, {1, 2}), one = doubles({}, {1});
  EXPECT_EQ(result("var", {x}, {{"correction", 3}}), Numbers{infinity});
  EXPECT_EQ(result("std", {x}, {{"correction", 2}}), Numbers{infinity});
  EXPECT_TRUE(std::isnan(result("var", {doubles({2}, {1, 1})}, {{"correction", 5}})[0]));
  const AttrList whole_tensor{{"correction", 3}}, along{{"correction", 3}, {"dim", 0}};
  EXPECT_EQ(call("var", {x}, whole_tensor, one).gradients[0].to_doubles(),
            (Numbers{infinity, infinity}));
  EXPECT_EQ(call("var", {x}, along, one).gradients[0].to_doubles(), (Numbers{1, -1}));
}

TEST(Corners, a_label_out_of_range_hears_of_no_index_that_it_cannot_have) {
  const Tensor x = doubles({1, 2}, {1, 2});
  EXPECT_EQ(failure_of("distillation_loss", {x, x, whole({1}, {2})}),
            "[cross_entropy] target 2 at position 0, expected 0 to 1");
}

TEST(Corners, a_value_attribute_fits_the_dtype_or_is_refused) {
  const Tensor bytes = as(DType::u8, {3}, {0, 1, 2}), at = whole({1}, {1});
  const Tensor mask = as(DType::bool_, {3}, {1, 0, 0});
  EXPECT_EQ(result("scatter", {bytes, at}, {{"dim", 0}, {"value", -1}}), (Numbers{0, 255, 2}));
  EXPECT_EQ(result("masked_fill", {bytes, mask}, {{"value", 2.7}}), (Numbers{2, 1, 2}));
  EXPECT_EQ(failure_of("masked_fill", {bytes, mask}, {{"value", 300}}),
            "[masked_fill] attribute 'value', expected a value of u8, got 300");
  EXPECT_NE(failure_of("masked_fill", {at, as(DType::bool_, {1}, {1})}, {{"value", nan_value}}),
            "");
  EXPECT_NE(failure_of("masked_fill", {bytes.cast(DType::f16), mask}, {{"value", 70000}}), "");
  EXPECT_NE(failure_of("pad", {bytes}, {{"pad", AttrValue::Integers{1, 0}}, {"value", -1}}), "");
  EXPECT_NE(failure_of("full", {}, {{"size", 2}, {"fill_value", -300}, {"dtype", DType::u8}}), "");
  EXPECT_EQ(result("full", {}, {{"size", 1}, {"fill_value", -1}, {"dtype", DType::u8}}),
            Numbers{255});
}

TEST(Corners, a_wider_scalar_takes_the_dtype_of_the_others_first) {
  const Tensor scalar = whole({}, {300}), bytes = as(DType::u8, {2}, {44, 200});
  EXPECT_EQ(result("eq", {scalar, bytes}), (Numbers{1, 0}));
  EXPECT_EQ(result("maximum", {scalar, bytes}), (Numbers{44, 200}));
  EXPECT_EQ(result("div", {bytes, scalar}, {{"rounding_mode", "floor"}}), (Numbers{1, 4}));
  EXPECT_EQ(result("eq", {whole({1}, {300}), bytes}), (Numbers{0, 0}));
}

TEST(Corners, integer_division_by_zero_is_refused) {
  for (const char* mode : {"trunc", "floor"})
    EXPECT_EQ(
        failure_of("div", {whole({2}, {1, 2}), whole({2}, {1, 0})}, {{"rounding_mode", mode}}),
        "[div] an integer divided by zero");
  EXPECT_NE(failure_of("div", {whole({}, {1}), whole({}, {1})}, {{"rounding_mode", ""}}), "");
}

TEST(Corners, bounds_may_be_nan_but_not_crossed_or_absent) {
  const Tensor x = doubles({3}, {-3, 0.5, 3}).cast(DType::f32),
               ones = Tensor::full(DType::f32, {3}, 1);
  for (const bool lower : {true, false}) {
    const Called called = call("hardtanh", {x}, {{lower ? "min_val" : "max_val", nan_value}}, ones);
    for (double value : called.outputs[0].to_doubles()) EXPECT_TRUE(std::isnan(value)) << lower;
    EXPECT_EQ(called.gradients[0].to_doubles(), lower ? (Numbers{1, 1, 0}) : (Numbers{0, 1, 1}));
  }
  EXPECT_EQ(failure_of("hardtanh", {x}, {{"min_val", 2.0}}),
            "[hardtanh] attribute 'min_val', expected at most max_val (1), got 2");
  EXPECT_NE(failure_of("clamp", {x}), "");
  const Tensor clamped = call("clamp", {whole({1}, {3})}, {{"min", -infinity}}).outputs[0];
  EXPECT_EQ(clamped.dtype(), DType::f32);
}

// Nothing is beyond a bound there, as in PyTorch's scalar and CUDA kernels (its vectors differ).
TEST(Corners, hardtanh_passes_the_gradient_of_what_is_no_number) {
  const Called called = call("hardtanh", {doubles({2}, {nan_value, -1})}, {}, doubles({2}, {3, 3}));
  EXPECT_TRUE(std::isnan(called.outputs[0].to_doubles()[0]));
  EXPECT_EQ(called.gradients[0].to_doubles(), (Numbers{3, 0}));
}

// Also where alpha * expm1(0) is no number.
TEST(Corners, elu_of_zero_is_zero) {
  for (const double alpha : {nan_value, infinity})
    for (const DType dtype : {DType::f64, DType::f32, DType::bf16}) {
      const Tensor x = doubles({5}, {0, -0.0, 2, -1, nan_value}).cast(dtype);
      const Numbers y = result("elu", {x}, {{"alpha", alpha}});
      EXPECT_EQ(y[0], 0);
      EXPECT_TRUE(y[1] == 0 && std::signbit(y[1]));
      EXPECT_EQ(y[2], 2);
      EXPECT_FALSE(std::isfinite(y[3]));
      EXPECT_TRUE(std::isnan(y[4]));
    }
}

TEST(Corners, losses_have_finite_gradients_at_infinity) {
  const Tensor x = doubles({3}, {infinity, -infinity, 0.25}), zeros = doubles({3}, {0, 0, 0});
  const Tensor seed = doubles({}, {1});
  for (const char* loss : {"huber_loss", "smooth_l1_loss"})
    EXPECT_EQ(call(loss, {x, zeros}, {{"reduction", "sum"}}, seed).gradients[0].to_doubles(),
              (Numbers{1, -1, 0.25}));
}

TEST(Corners, sums_and_products_are_computed_in_the_dtype_asked_for) {
  const Tensor x = as(DType::i8, {12}, std::vector<int64_t>(12, 100));
  EXPECT_EQ(result("prod", {x}, {{"dtype", DType::f64}}), Numbers{1e24});
  const Tensor large = whole({2}, {std::numeric_limits<int64_t>::max(), 1});
  EXPECT_EQ(result("sum", {large}, {{"dtype", DType::f64}}), Numbers{0x1p63});
}

TEST(Corners, integer_ranges_drop_fractions_after_counting) {
  const AttrList attrs{{"start", 0.5}, {"end", 6.5}, {"step", 1.5}, {"dtype", DType::i64}};
  EXPECT_EQ(result("arange", {}, attrs), (Numbers{0, 1, 2, 3}));
  EXPECT_EQ(result("arange", {}, {{"end", 2}, {"step", 0.5}, {"dtype", DType::i32}}),
            (Numbers{0, 0, 0, 0}));
}

TEST(Corners, what_pytorch_refuses_is_refused) {
  const Tensor x = doubles({2}, {1, 2}), truth = as(DType::bool_, {2}, {0, 1});
  EXPECT_NE(failure_of("sub", {x, truth}), "");
  EXPECT_NE(failure_of("heaviside", {x, whole({2}, {0, 1})}), "");
  EXPECT_NE(failure_of("where", {x, x, x}), "");
  EXPECT_NE(failure_of("roll", {doubles({}, {1})}, {{"shifts", 1}, {"dims", 0}}), "");
  const Tensor matrix = doubles({2, 2}, {1, 2, 3, 4});
  EXPECT_NE(failure_of("batch_norm", {matrix}, {{"training", true}, {"eps", 0.0}}), "");
  const AttrValue::Integers huge{int64_t{1} << 62, 0, 4};
  EXPECT_NE(failure_of("full", {}, {{"size", huge}, {"fill_value", 1}}), "");
}

// The whole sequence in f32, rounded at the end: the same bits as f32 layers give.
TEST(Corners, reduced_floats_are_not_rounded_between_steps) {
  std::vector<Tensor> narrow{random_tensor(DType::bf16, {9, 2, 3}, 1), {}, {}};
  for (const auto& [seed, shape] : {std::pair{2, Shape{5, 3}},
                                    {3, Shape{5, 5}},
                                    {4, Shape{5}},
                                    {5, Shape{5}},
                                    {6, Shape{5, 5}},
                                    {7, Shape{5, 5}},
                                    {8, Shape{5}},
                                    {9, Shape{5}}})
    narrow.push_back(random_tensor(DType::bf16, shape, static_cast<uint64_t>(seed)));
  std::vector<Tensor> wide = narrow;
  for (Tensor& tensor : wide)
    if (tensor) tensor = tensor.cast(DType::f32);
  const Tensor seed = random_tensor(DType::bf16, {9, 2, 5}, 10);
  const AttrList attrs{{"num_layers", 2}};
  const Called a = call("rnn", narrow, attrs, seed),
               b = call("rnn", wide, attrs, seed.cast(DType::f32));
  ASSERT_EQ(a.outputs[0].dtype(), DType::bf16);
  EXPECT_EQ(a.outputs[0].to_doubles(), b.outputs[0].cast(DType::bf16).to_doubles());
  for (size_t i = 0; i < a.gradients.size(); ++i)
    EXPECT_EQ(a.gradients[i].to_doubles(), b.gradients[i].cast(DType::bf16).to_doubles()) << i;
}

TEST(Corners, losses_at_infinities) {
  const Tensor x = doubles({3}, {infinity, -infinity, 2}), half = doubles({3}, {0.5, 0.5, 0.5});
  const Called bce = call("binary_cross_entropy_with_logits", {x, half}, {{"reduction", "none"}},
                          doubles({3}, {1, 1, 1}));
  const Numbers loss = bce.outputs[0].to_doubles();
  EXPECT_EQ(loss[0], infinity);
  EXPECT_TRUE(std::isnan(loss[1]));
  EXPECT_EQ(bce.gradients[0].to_doubles()[1], -0.5);

  const Tensor large = doubles({2}, {1e308, 0}), none = doubles({2}, {0, 0});
  EXPECT_EQ(call("mse_loss", {large, none}, {}, doubles({}, {1})).gradients[0].to_doubles(),
            (Numbers{1e308, 0}));
  const Called huber = call("huber_loss", {doubles({1}, {3}), doubles({1}, {0})},
                            {{"delta", infinity}}, doubles({}, {1}));
  EXPECT_EQ(huber.outputs[0].to_doubles(), Numbers{4.5});
  EXPECT_EQ(huber.gradients[0].to_doubles(), Numbers{3});
}

TEST(Corners, dtypes_of_losses) {
  const Tensor narrow = Tensor::full(DType::f32, {2}, 1), wide = Tensor::full(DType::f64, {2}, 2);
  const auto dtype_of = [](std::string_view op, const Tensor& x, const Tensor& y) {
    return call(op, {x, y}).outputs[0].dtype();
  };
  EXPECT_EQ(dtype_of("mse_loss", narrow, wide), DType::f64);
  EXPECT_EQ(dtype_of("huber_loss", narrow, wide), DType::f32);
  EXPECT_EQ(dtype_of("binary_cross_entropy_with_logits", wide, narrow), DType::f32);
  const Tensor counts = whole({2}, {3, -1}), truth = as(DType::bool_, {2}, {1, 0});
  EXPECT_EQ(result("mse_loss", {narrow, counts}), Numbers{4});
  EXPECT_EQ(result("mse_loss", {narrow, truth}), Numbers{0.5});
  EXPECT_EQ(result("l1_loss", {narrow, counts}, {{"reduction", "none"}}), (Numbers{2, 2}));
  EXPECT_NE(failure_of("l1_loss", {narrow, truth}, {}), "");
  EXPECT_NE(failure_of("kl_div", {narrow, counts}, {}), "");
  EXPECT_NE(failure_of("binary_cross_entropy_with_logits", {counts, narrow}, {}), "");
}

TEST(Corners, max_pool_backward_writes_inside_of_the_plane) {
  const AttrList attrs{{"input_size", AttrValue::Integers{2, 3}}};
  const Tensor dy = doubles({1, 1, 1}, {5});
  EXPECT_EQ(result("max_pool_backward", {dy, whole({1, 1, 1}, {5})}, attrs),
            (Numbers{0, 0, 0, 0, 0, 5}));
  for (const int64_t index : {6, -2})
    EXPECT_NE(failure_of("max_pool_backward", {dy, whole({1, 1, 1}, {index})}, attrs), "") << index;
}

TEST(Corners, a_fused_relu_has_the_gradient_of_relu) {
  const Tensor x = doubles({2, 1}, {nan_value, -1}), weight = doubles({1, 1}, {2});
  const Called called =
      call("linear", {x, weight}, {{"activation", "relu"}}, doubles({2, 1}, {3, 3}));
  EXPECT_TRUE(std::isnan(called.outputs[0].to_doubles()[0]));
  EXPECT_EQ(called.gradients[0].to_doubles(), (Numbers{6, 0}));
}

TEST(Corners, prelu_keeps_its_sides_apart) {
  const Tensor x = doubles({4}, {infinity, 2, -3, -1}), ones = Tensor::full(DType::f64, {4}, 1);
  const Called finite = call("prelu", {x, doubles({1}, {0.5})}, {}, ones);
  EXPECT_EQ(finite.outputs[0].to_doubles(), (Numbers{infinity, 2, -1.5, -0.5}));
  EXPECT_EQ(finite.gradients[0].to_doubles(), (Numbers{1, 1, 0.5, 0.5}));
  EXPECT_EQ(finite.gradients[1].to_doubles(), Numbers{-4});
  const Called lost = call("prelu", {x, doubles({1}, {nan_value})}, {}, ones);
  EXPECT_EQ(lost.gradients[0].to_doubles()[1], 1);
  EXPECT_TRUE(std::isnan(lost.gradients[0].to_doubles()[2]));
}

TEST(Corners, losses_of_whole_numbers) {
  const Tensor counts = as(DType::u8, {3}, {3, 1, 0}), ones = as(DType::u8, {3}, {1, 1, 1});
  const Tensor wide = doubles({3}, {0.5, 1, 2}), narrow = wide.cast(DType::f32);
  const AttrList sum{{"reduction", "sum"}};
  for (const char* op : {"mse_loss", "l1_loss", "smooth_l1_loss"}) {
    EXPECT_EQ(call(op, {counts, narrow}).outputs[0].dtype(), DType::f32) << op;
    const Called called = call(op, {counts, wide}, sum, doubles({}, {1}));
    EXPECT_EQ(called.outputs[0].dtype(), DType::f64) << op;
    EXPECT_EQ(result(op, {counts, wide}, sum), result(op, {counts.cast(DType::f64), wide}, sum));
    EXPECT_NE(failure_of(op, {counts, ones}), "") << op;
  }
  EXPECT_NE(failure_of("mse_loss", {counts, ones}, sum), "");
  EXPECT_NE(failure_of("huber_loss", {counts, wide}), "");
  EXPECT_EQ(result("l1_loss", {counts, ones}, {{"reduction", "none"}}), (Numbers{2, 0, 255}));
  EXPECT_EQ(result("l1_loss", {counts, ones}, sum), Numbers{257});
  EXPECT_EQ(call("l1_loss", {counts, ones}, sum).outputs[0].dtype(), DType::i64);
  const Tensor truth = as(DType::bool_, {3}, {1, 0, 0});
  EXPECT_EQ(result("mse_loss", {truth, wide}, sum), Numbers{5.25});
  EXPECT_NE(failure_of("l1_loss", {truth, wide}), "");
}

TEST(Corners, windows_of_whole_numbers) {
  const AttrList attrs{{"kernel_size", 2}, {"stride", 1}, {"padding", 1}};
  for (const DType dtype : {DType::i64, DType::i32, DType::i16, DType::i8}) {
    const Called called = call("max_pool2d", {as(dtype, {1, 1, 2}, {-7, -9})}, attrs);
    EXPECT_EQ(called.outputs[0].dtype(), dtype);
    EXPECT_EQ(called.outputs[0].to_doubles(), (Numbers{-7, -7, -9, -7, -7, -9}));
    EXPECT_EQ(called.outputs[1].to_doubles(), (Numbers{0, 0, 1, 0, 0, 1}));
  }
  const int64_t large = std::numeric_limits<int64_t>::max();
  const Called exact =
      call("max_pool2d", {whole({1, 1, 2}, {large - 1, large})}, {{"kernel_size", 1}});
  EXPECT_EQ(exact.outputs[0].data_as<int64_t>()[0], large - 1);
  // A window of padding alone.
  const AttrList apart{{"kernel_size", 2}, {"stride", 3}, {"padding", 1}, {"dilation", 4}};
  EXPECT_EQ(result("max_pool2d", {as(DType::i8, {1, 3, 3}, std::vector<int64_t>(9, 5))}, apart),
            Numbers{-128});
  EXPECT_NE(failure_of("max_pool2d", {as(DType::bool_, {1, 1, 2}, {1, 0})}, attrs), "");
}

// Squares beyond f32 are no infinity.
TEST(Corners, norms_of_large_rows_in_f32) {
  for (const int64_t extra : {0, 13}) {
    Numbers values{3e19, -2e19, 1e18};
    values.resize(static_cast<size_t>(3 + extra), 1e19);
    const Tensor x = doubles({1, 3 + extra}, values),
                 dy = random_tensor(DType::f64, {1, 3 + extra}, 1);
    for (const char* op : {"layer_norm", "rms_norm"}) {
      const AttrList attrs{{"normalized_shape", 3 + extra}};
      const Called wide = call(op, {x}, attrs, dy),
                   narrow = call(op, {x.cast(DType::f32)}, attrs, dy.cast(DType::f32));
      const Numbers y = wide.outputs[0].to_doubles(), dx = wide.gradients[0].to_doubles();
      for (size_t i = 0; i < y.size(); ++i) {
        EXPECT_NEAR(narrow.outputs[0].to_doubles()[i], y[i], 1e-6) << op;
        EXPECT_NEAR(narrow.gradients[0].to_doubles()[i], dx[i], 1e-25) << op;
      }
    }
  }
}

TEST(Corners, an_ignored_position_without_a_softmax_has_gradient_nan) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor x = doubles({4, 2}, {1, nan_value, infinity, 1, -infinity, 1, 1, 2}).cast(dtype);
    const Called called = call("cross_entropy", {x, whole({4}, {-100, -100, -100, 0})}, {},
                               Tensor::full(dtype, {}, 1));
    const Numbers gradient = called.gradients[0].to_doubles();
    for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(std::isnan(gradient[i])) << i;
    EXPECT_EQ(gradient[4], 0);
    EXPECT_EQ(gradient[5], 0);
    EXPECT_TRUE(std::isfinite(called.outputs[0].to_doubles()[0]));
  }
}

TEST(Corners, norms_at_infinities) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    // Squares that overflow f64, in which f32 is computed there.
    for (const double large : {dtype == DType::f32 ? infinity : 1e200, infinity}) {
      const Tensor x = doubles({1, 4}, {large, -2, 1, 0.5}).cast(dtype);
      for (const double y : result("layer_norm", {x}, {{"normalized_shape", 4}}))
        EXPECT_TRUE(std::isnan(y));
      const Numbers y = result("rms_norm", {x}, {{"normalized_shape", 4}});
      for (size_t i = 1; i < y.size(); ++i) EXPECT_EQ(y[i], 0);
      EXPECT_TRUE(std::isinf(large) ? std::isnan(y[0]) : y[0] == 0);
    }
    // Running statistics: an element's gradient does not see its value.
    const Tensor one = Tensor::full(dtype, {1}, 1), odd = doubles({2, 1}, {infinity, nan_value});
    const Called normed = call("batch_norm", {odd.cast(dtype), one, one, one, one}, {},
                               Tensor::full(dtype, {2, 1}, 1));
    for (const double g : normed.gradients[0].to_doubles()) EXPECT_NEAR(g, 1, 1e-5);
  }
}

TEST(Corners, gelu_has_no_slope_at_infinity) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const char* kind : {"none", "tanh"}) {
      const Called called = call("gelu", {doubles({3}, {infinity, -infinity, 1e30}).cast(dtype)},
                                 {{"approximate", kind}}, Tensor::full(dtype, {3}, 1));
      const Numbers slope = called.gradients[0].to_doubles();
      EXPECT_TRUE(std::isnan(slope[0]) && std::isnan(slope[1])) << kind;
      EXPECT_EQ(slope[2], 1) << kind;
    }
}

TEST(Corners, windows_and_their_padding) {
  const Tensor x = Tensor::full(DType::f32, {1, 1, 3, 8, 8}, 1);
  EXPECT_EQ(failure_of("avg_pool3d", {x}, {{"kernel_size", 4}, {"padding", 1}}),
            "[avg_pool3d] input, expected last dims of at least kernel_size [4, 4, 4], got (1, 1, "
            "3, 8, 8)");
  EXPECT_EQ(failure_of("max_pool3d", {x}, {{"kernel_size", 4}, {"padding", 1}}), "");
  const AttrList wide{{"kernel_size", 3}, {"padding", 2}, {"dilation", 2}};
  EXPECT_NE(failure_of("max_pool3d", {x}, wide), "");
  EXPECT_NE(failure_of("max_pool2d", {Tensor::full(DType::f32, {1, 8, 8}, 1)}, wide), "");
}

TEST(Corners, whole_numbers_have_whole_attributes) {
  const Tensor x = whole({2}, {1, 2}), bytes = as(DType::u8, {2}, {1, 200});
  EXPECT_NE(failure_of("add", {x, x}, {{"alpha", infinity}}), "");
  EXPECT_NE(failure_of("sub", {x, x}, {{"alpha", 1e308}}), "");
  EXPECT_NE(failure_of("hardtanh", {x}, {{"min_val", nan_value}}), "");
  EXPECT_NE(failure_of("hardtanh", {bytes}, {{"min_val", -2}, {"max_val", -1}}), "");
  EXPECT_EQ(result("hardtanh", {x}, {{"min_val", 0.5}, {"max_val", 1.7}}), (Numbers{1, 1}));
  const Tensor least = whole({1}, {std::numeric_limits<int64_t>::min()});
  EXPECT_EQ(call("neg", {least}).outputs[0].data_as<int64_t>()[0],
            std::numeric_limits<int64_t>::min());
  EXPECT_EQ(call("mul", {least, whole({1}, {3})}).outputs[0].data_as<int64_t>()[0],
            std::numeric_limits<int64_t>::min());
}

}  // namespace
}  // namespace gradus
