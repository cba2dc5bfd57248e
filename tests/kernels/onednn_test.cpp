// SPDX-License-Identifier: Apache-2.0
// Every kernel on oneDNN against the reference: to the bit where sums are whole numbers, for any
// number of threads, and on the plain instruction set too (the program runs itself once more).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>

#include "engine/base/instruction_set.h"
#include "engine/base/parallel.h"
#include "engine/exec/kernel_call.h"
#include "tests/ops/graph_call.h"

#if defined(GRADUS_WITH_ONEDNN)
#include "kernels/cpu/onednn/adapter.h"
#endif

namespace gradus {
namespace {

using List = AttrValue::Integers;

struct Call {
  std::string op;
  std::vector<Tensor> inputs;
  AttrList attrs = {};
};

bool takes(const Call& c) {
  const auto names = variants_of(c.op, c.inputs, c.attrs);
  return std::ranges::find(names, "onednn") != names.end();
}

Tensor reals(const Shape& shape, uint64_t seed, double lo = -1, double hi = 1) {
  return random_tensor(DType::f32, shape, seed, lo, hi);
}

#if defined(GRADUS_WITH_ONEDNN)

std::string text(const Call& c) {
  std::string line = c.op;
  for (const Tensor& input : c.inputs) line += input ? " " + to_string(input.shape()) : " absent";
  for (const NamedAttr& attr : c.attrs)
    line += " " + std::string(attr.first) + "=" + to_string(attr.second);
  return line;
}

// Whole numbers from -4 to 4.
Tensor numbers(const Shape& shape, uint64_t seed) {
  const Tensor random = random_tensor(DType::f64, shape, seed, -4.49, 4.49);
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::round(random.data_as<double>()[i]);
  return doubles(shape, values).cast(DType::f32);
}

std::vector<Tensor> run(const Call& c, std::string_view variant, int threads = 1) {
  const int before = thread_count();
  set_thread_count(threads);
  auto results = call_variant(c.op, c.inputs, c.attrs, variant);
  set_thread_count(before);
  return results;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() &&
         std::memcmp(a.data(), b.data(), static_cast<size_t>(a.bytes())) == 0;
}

// `tolerance` is relative to the largest magnitude of each output; 0: the values are equal.
void expect_close(const Tensor& got, const Tensor& expected, double tolerance) {
  if (got.dtype() == DType::i64) {
    EXPECT_TRUE(same_bits(got, expected));
    return;
  }
  const float *x = got.data_as<float>(), *y = expected.data_as<float>();
  double largest = 0, difference = 0;
  for (int64_t i = 0; i < got.numel(); ++i) {
    if (std::isnan(y[i]) || std::isinf(y[i])) {
      EXPECT_TRUE(std::isnan(y[i]) ? std::isnan(x[i]) : x[i] == y[i]) << "element " << i;
      continue;
    }
    largest = std::max(largest, std::abs(static_cast<double>(y[i])));
    difference = std::max(difference, std::abs(static_cast<double>(x[i]) - y[i]));
    if (std::isnan(x[i])) ADD_FAILURE() << "element " << i << " is NaN";
  }
  EXPECT_LE(difference, tolerance * largest);
}

void check(const Call& c, double tolerance) {
  SCOPED_TRACE(text(c));
  ASSERT_TRUE(takes(c));
  const std::vector<Tensor> expected = run(c, "reference"), got = run(c, "onednn", 1);
  for (size_t i = 0; i < got.size(); ++i) expect_close(got[i], expected[i], tolerance);
  for (const int threads : {2, 3}) {
    const std::vector<Tensor> again = run(c, "onednn", threads);
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_TRUE(same_bits(again[i], got[i])) << threads << " threads, output " << i;
  }
}

struct Product {
  Shape a, b;
};

TEST(onednn, ProductsAreExactOnWholeNumbers) {
  const std::vector<Product> products = {{{1, 1}, {1, 1}},
                                         {{7, 5}, {5, 17}},
                                         {{97, 257}, {257, 33}},
                                         {{1, 64}, {64, 100}},
                                         {{130, 40}, {40, 1}},
                                         {{30, 700}, {700, 31}},
                                         {{3, 5, 9}, {3, 9, 11}},
                                         {{70, 17, 129}, {70, 129, 33}},
                                         {{2, 5, 13, 21}, {2, 5, 21, 9}},
                                         {{2, 1, 6, 4}, {3, 4, 5}},
                                         {{1, 9, 8}, {12, 8, 7}},
                                         {{11, 6, 8}, {8, 7}},
                                         {{200, 31}, {31, 600}}};
  const auto swapped = [](Shape shape) {
    std::swap(shape[shape.rank() - 1], shape[shape.rank() - 2]);
    return shape;
  };
  for (const Product& p : products)
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        check({"gemm",
               {numbers(ta ? swapped(p.a) : p.a, 1), numbers(tb ? swapped(p.b) : p.b, 2)},
               {{"transpose_a", ta}, {"transpose_b", tb}}},
              0);
}

TEST(onednn, LinearHasItsBiasAndActivation) {
  for (const bool biased : {false, true})
    for (const Shape& x : {Shape{3, 70, 19}, Shape{5, 19}, Shape{19}}) {
      const Tensor bias = biased ? numbers({35}, 3) : Tensor();
      check({"linear", {numbers(x, 1), numbers({35, 19}, 2), bias}}, 0);
      check({"linear", {numbers(x, 1), numbers({35, 19}, 2), bias}, {{"activation", "relu"}}}, 0);
      for (const char* name : {"gelu", "gelu_tanh", "silu", "sigmoid", "tanh"})
        check({"linear", {reals(x, 1), reals({35, 19}, 2), bias}, {{"activation", name}}}, 1e-5);
    }
}

TEST(onednn, ActivationsKeepNaN) {
  std::vector<double> values(64, 1.0);
  values[9] = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = doubles({8, 8}, values).cast(DType::f32);
  for (const char* name : {"none", "relu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh"})
    check({"linear", {x, reals({5, 8}, 2), Tensor()}, {{"activation", name}}}, 1e-5);
}

struct Convolution {
  Shape x, weight;  // channels first
  AttrList attrs = {};
};

std::vector<Convolution> convolutions() {
  return {{{2, 3, 7, 9}, {5, 3, 3, 3}, {{"padding", 1}}},
          {{9, 1, 6, 5}, {4, 1, 3, 3}, {{"padding", 1}}},
          {{2, 8, 8, 7}, {16, 4, 3, 2}, {{"groups", 2}, {"stride", List{2, 1}}}},
          {{2, 2, 11, 10}, {3, 2, 3, 2}, {{"dilation", List{2, 3}}, {"padding", List{2, 1}}}},
          {{3, 2, 17}, {2, 2, 4}, {{"stride", 3}, {"padding", 2}}},
          {{2, 3, 4, 5, 6}, {2, 3, 2, 3, 2}, {{"padding", List{1, 0, 1}}}},
          {{37, 16, 7, 6}, {17, 16, 3, 3}, {{"padding", 1}}},
          {{2, 67, 9, 8}, {33, 67, 3, 3}, {{"stride", 2}, {"padding", 1}}},
          {{3, 40, 5, 4}, {24, 40, 1, 1}, {{"stride", 2}}},
          {{2, 3, 15, 14}, {20, 3, 7, 7}, {{"stride", 2}, {"padding", 3}}},
          {{1, 2, 8}, {2, 2, 2}, {{"stride", 3}}},  // elements past the last window
          {{2, 2, 6, 5}, {2, 2, 4, 2}, {{"padding", List{1, 0}}, {"padding_end", List{2, 1}}}}};
}

Shape in_order(const Shape& plain, bool last) {
  if (!last) return plain;
  Shape shape{plain[0]};
  for (int d = 2; d < plain.rank(); ++d) shape.push_back(plain[d]);
  shape.push_back(plain[1]);
  return shape;
}

// The convolution of one layout in its three directions, where oneDNN takes them.
int check_convolution(const Convolution& c, bool last) {
  AttrList attrs = c.attrs;
  attrs.emplace_back("channels_last", last);
  const Tensor x = numbers(in_order(c.x, last), 1), weight = numbers(c.weight, 2);
  const OpDef& op = get_op("convolution");
  const std::vector<TensorSpec> specs{{x.dtype(), x.shape()}, {weight.dtype(), weight.shape()}};
  const Shape out = op.infer({op.name, specs, Attrs(op.name, op.attributes, attrs)})[0].shape;
  const Tensor dy = numbers(out, 3), bias = numbers({c.weight[0]}, 4);
  List input_size, kernel_size;
  for (int d = 2; d < c.x.rank(); ++d) {
    input_size.push_back(c.x[d]);
    kernel_size.push_back(c.weight[d]);
  }
  AttrList of_input = attrs, of_weight = attrs;
  of_input.emplace_back("input_size", input_size);
  of_weight.emplace_back("kernel_size", kernel_size);
  int taken = 0;
  for (const Call& call : {Call{"convolution", {x, weight, bias}, attrs},
                           Call{"convolution", {x, weight, Tensor()}, attrs},
                           Call{"convolution_backward_input", {dy, weight}, of_input},
                           Call{"convolution_backward_weight", {x, dy}, of_weight}})
    if (takes(call)) {
      check(call, 0);
      ++taken;
    }
  return taken;
}

TEST(onednn, ConvolutionsAreExactOnWholeNumbers) {
  register_all_ops();
  for (const bool last : {false, true}) {
    int taken = 0;
    for (const Convolution& c : convolutions()) taken += check_convolution(c, last);
    EXPECT_GE(taken, 40) << (last ? "channels last" : "channels first");  // of 48
  }
}

TEST(onednn, LayerNormHoldsInBothDirections) {
  for (const Shape& x : {Shape{1, 5}, Shape{67, 19}, Shape{3, 70, 129}, Shape{40, 8}}) {
    const int64_t cols = x[x.rank() - 1], rows = x.numel() / cols;
    for (const int given : {0, 1, 2, 3}) {
      const Tensor weight = given & 1 ? reals({cols}, 2) : Tensor();
      const Tensor bias = given & 2 ? reals({cols}, 3) : Tensor();
      check({"layer_norm", {reals(x, 1, -3, 5), weight, bias}, {{"normalized_shape", List{cols}}}},
            1e-5);
      check({"row_norm_backward",
             {reals(x, 4), reals(x, 1), reals({rows, 1}, 5), reals({rows, 1}, 6, 0.5, 2), weight},
             {{"cols", cols}}},
            1e-5);
    }
  }
}

TEST(onednn, BatchNormHoldsInBothDirections) {
  const std::vector<std::pair<Shape, bool>> shapes{{{9, 5, 7, 6}, false},
                                                   {{9, 16, 37}, false},
                                                   {{64, 19}, false},
                                                   {{9, 7, 6, 16}, true},
                                                   {{5, 3, 19}, true}};
  for (const auto& [x, last] : shapes)
    for (const bool training : {false, true})
      for (const bool affine : {false, true}) {
        const Shape channels{x[last ? x.rank() - 1 : 1]};
        const Tensor weight = affine ? reals(channels, 2) : Tensor();
        const Tensor bias = affine ? reals(channels, 3) : Tensor();
        const Tensor mean = reals(channels, 4), positive = reals(channels, 5, 0.5, 2);
        const AttrList attrs{{"training", training}, {"channels_last", last}};
        check({"batch_norm", {reals(x, 1, -3, 5), mean, positive, weight, bias}, attrs}, 1e-5);
        check({"batch_norm_backward", {reals(x, 6), reals(x, 1), mean, positive, weight}, attrs},
              1e-5);
      }
}

std::vector<AttrList> windows() {
  return {{{"kernel_size", List{2, 2}}},
          {{"kernel_size", List{3, 2}}, {"stride", List{2, 1}}, {"padding", List{1, 1}}},
          {{"kernel_size", List{3, 3}}, {"stride", List{2, 2}}, {"padding", List{1, 1}}}};
}

TEST(onednn, PoolingHolds) {
  for (AttrList attrs : windows()) {
    attrs.emplace_back("channels_last", true);
    check({"max_pool",
           {
               reals({19, 9, 7, 21}, 1),
           },
           attrs},
          0);
    check({"max_pool",
           {
               numbers({3, 9, 7, 16}, 1),
           },
           attrs},
          0);  // equal values: the first wins
    for (const bool pad : {false, true}) {
      AttrList average = attrs;
      average.emplace_back("count_include_pad", pad);
      const Call forward{"avg_pool", {reals({19, 9, 7, 21}, 1)}, average};
      check(forward, 1e-6);
      const Tensor dy = reals(run(forward, "reference")[0].shape(), 2);
      average.emplace_back("input_size", List{9, 7});
      check({"avg_pool_backward", {dy}, average}, 1e-6);
    }
  }
}

TEST(onednn, MaxPoolKeepsWhatOneDnnWouldDrop) {
  register_all_ops();
  const AttrList attrs{{"kernel_size", List{2, 2}}, {"channels_last", true}};
  for (const double rare :
       {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
    std::vector<double> values(3 * 4 * 4 * 8, rare);
    for (size_t i = 0; i < values.size(); i += 5) values[i] = static_cast<double>(i);
    check({"max_pool", {doubles({3, 4, 4, 8}, values).cast(DType::f32)}, attrs}, 0);
  }
}

TEST(onednn, RefusesWhatItDoesNotComputeWell) {
  const Tensor wide = random_tensor(DType::f64, {4, 4}, 1);
  EXPECT_FALSE(takes({"gemm", {wide, wide}}));
  EXPECT_FALSE(takes({"gemm", {reals({3, 0}, 1), reals({0, 4}, 2)}}));
  EXPECT_FALSE(takes({"gemm", {reals({0, 3}, 1), reals({3, 4}, 2)}}));
  // Plain loops in oneDNN.
  const Tensor image = reals({2, 3, 8, 8}, 1);
  EXPECT_FALSE(takes({"max_pool", {image}, {{"kernel_size", List{2, 2}}}}));
  EXPECT_FALSE(takes({"avg_pool", {image}, {{"kernel_size", List{2, 2}}}}));
  // Divisors that it does not have.
  EXPECT_FALSE(
      takes({"avg_pool",
             {image},
             {{"kernel_size", List{2, 2}}, {"divisor_override", 3}, {"channels_last", true}}}));
  EXPECT_FALSE(takes({"avg_pool",
                      {image},
                      {{"kernel_size", List{3, 3}},
                       {"stride", List{2, 2}},
                       {"padding", List{1, 1}},
                       {"ceil_mode", true},
                       {"channels_last", true}}}));
  // A group norm, and rows without a mean.
  EXPECT_FALSE(takes({"row_norm_backward",
                      {reals({3, 4}, 1), reals({3, 4}, 2), Tensor(), reals({3, 1}, 3), Tensor()},
                      {{"cols", 4}}}));
  // Sizes whose products leave 32 bits.
  EXPECT_FALSE(takes({"convolution",
                      {reals({1, 1, 4}, 1), reals({1, 1, 2}, 2), Tensor()},
                      {{"padding", int64_t{1} << 20}}}));
  EXPECT_FALSE(kernels::onednn::is_tuned("ref:any"));
  EXPECT_FALSE(kernels::onednn::is_tuned("simple_nchw:any"));
  EXPECT_TRUE(kernels::onednn::is_tuned("jit:avx2"));
}

// What runs when nobody asks.
std::string chosen(const Call& c) { return variants_of(c.op, c.inputs, c.attrs).front(); }

TEST(onednn, ComesFirstWhereOurVectorKernelsDoNotRun) {
  const AttrList last{{"channels_last", true}};
  const Tensor x = reals({4, 9, 8, 32}, 1), dy = reals({4, 7, 6, 32}, 2);
  const Tensor weight = reals({32, 32, 3, 3}, 3), row = reals({32}, 4);
  AttrList sized = last, kernel = last;
  sized.emplace_back("input_size", List{9, 8});
  kernel.emplace_back("kernel_size", List{3, 3});
  for (const Call& c : {Call{"gemm", {reals({64, 64}, 1), reals({64, 64}, 2)}},
                        Call{"linear", {reals({64, 32}, 1), reals({8, 32}, 2), Tensor()}},
                        Call{"convolution", {x, weight, Tensor()}, last},
                        Call{"convolution_backward_input", {dy, weight}, sized},
                        Call{"convolution_backward_weight", {x, dy}, kernel},
                        Call{"layer_norm", {x, row, row}, {{"normalized_shape", List{32}}}},
                        Call{"batch_norm", {x, row, row, row, row}, last}}) {
    const bool own = instruction_set() != InstructionSet::base;
    EXPECT_EQ(chosen(c) == "onednn", !own) << text(c) << ": " << chosen(c);
  }
}

TEST(onednn, HoldsOnThePlainInstructionSet) {
  if (std::getenv("GRADUS_MAX_ISA") != nullptr) GTEST_SKIP() << "this is that run";
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  EXPECT_EQ(std::system(("GRADUS_MAX_ISA=base '" + self + "' --gtest_brief=1").c_str()), 0);
}

#else

TEST(onednn, IsInNoTableOfABuildWithoutIt) {
  EXPECT_FALSE(takes({"gemm", {reals({64, 64}, 1), reals({64, 64}, 2)}}));
}

#endif

}  // namespace
}  // namespace gradus
