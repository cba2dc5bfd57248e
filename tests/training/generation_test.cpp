// SPDX-License-Identifier: Apache-2.0
#include "training/generation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "engine/base/error.h"
#include "models/gpt.h"
#include "models/lstm_lm.h"
#include "ops/all_ops.h"
#include "ops/ops.h"
#include "training/program.h"

namespace gradus {
namespace {

constexpr int64_t vocabulary = 11, capacity = 8;

void first_values(const ParameterTable& parameters, StateStore& states) {
  set_first_values(parameters, 5, states);
}

std::vector<int64_t> some_tokens(int64_t count) {
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < count; ++i) tokens.push_back((i * i + 3 * i) % vocabulary);
  return tokens;
}

// Logits for all of `tokens` at once: (seq, vocabulary).
std::vector<double> whole(const Model& model, const std::vector<int64_t>& tokens) {
  auto graph = std::make_shared<Graph>();
  ParameterTable parameters;
  Place place{*graph, parameters, DType::f64, false};
  const auto count = static_cast<int64_t>(tokens.size());
  graph->output("logits", model(place, graph->input("tokens", DType::i64, {1, count})));
  Device& device = find_device("cpu");
  StateStore states(device);
  Arena arena(device);
  Executable program(prepared(graph), states, arena);
  first_values(parameters, states);
  program.set_input("tokens", Tensor::from<int64_t>(DType::i64, {1, count}, tokens));
  program.run();
  return program.output("logits").to_doubles();
}

class GenerationTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { register_all_ops(); }

  static Model gpt() {
    return [](Place& place, Value tokens) {
      return Gpt{.vocabulary = vocabulary, .context = capacity, .layers = 2, .heads = 2, .width = 8}
          .build(place, tokens);
    };
  }
  static Model lstm() {
    return [](Place& place, Value tokens) {
      return LstmLm{.vocabulary = vocabulary, .width = 5, .hidden = 6, .layers = 2}.build(place,
                                                                                          tokens);
    };
  }
  static TextReader reader_of(const Model& model) {
    return TextReader(model, capacity, DType::f64, find_device("cpu"), first_values);
  }
};

void expect_near(const std::vector<double>& got, const double* expected) {
  ASSERT_EQ(got.size(), static_cast<size_t>(vocabulary));
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-12) << i;
}

TEST_F(GenerationTest, TokenByTokenEqualsTheWholeSequence) {
  const std::vector<int64_t> tokens = some_tokens(capacity);
  for (const Model& model : {gpt(), lstm()}) {
    const std::vector<double> expected = whole(model, tokens);
    TextReader reader = reader_of(model);
    for (int round = 0; round < 2; ++round) {  // again after a restart
      for (size_t i = 0; i < tokens.size(); ++i)
        expect_near(reader.read(tokens[i]), expected.data() + i * vocabulary);
      reader.restart();
    }
  }
}

// Past its capacity a model with positions has forgotten all but the newer half.
TEST_F(GenerationTest, ForgetsTheOlderHalf) {
  const std::vector<int64_t> tokens = some_tokens(capacity + 2);
  TextReader reader = reader_of(gpt());
  std::vector<double> last;
  for (int64_t token : tokens) last = reader.read(token);
  const std::vector<int64_t> kept(tokens.begin() + capacity / 2, tokens.end());
  expect_near(last, whole(gpt(), kept).data() + (kept.size() - 1) * vocabulary);
}

TEST_F(GenerationTest, ARecurrentModelForgetsNothing) {
  const std::vector<int64_t> tokens = some_tokens(3 * capacity);
  TextReader reader = reader_of(lstm());
  std::vector<double> last;
  for (int64_t token : tokens) last = reader.read(token);
  expect_near(last, whole(lstm(), tokens).data() + (tokens.size() - 1) * vocabulary);
}

TEST_F(GenerationTest, TheSameSeedGivesTheSameText) {
  TextReader reader = reader_of(gpt());
  const std::vector<int64_t> prompt = {1, 2, 3};
  const auto text = [&](uint64_t seed) {
    reader.restart();
    std::vector<int64_t> made;
    generate(reader, prompt, 30, {.seed = seed}, [&](int64_t token) { made.push_back(token); });
    return made;
  };
  EXPECT_EQ(text(1).size(), 30u);
  EXPECT_EQ(text(1), text(1));
  EXPECT_NE(text(1), text(2));
}

TEST_F(GenerationTest, RefusesWhatItCannotDo) {
  TextReader reader = reader_of(gpt());
  const std::vector<int64_t> prompt = {1};
  const auto ignore = [](int64_t) {};
  EXPECT_THROW(generate(reader, {}, 1, {}, ignore), Error);
  EXPECT_THROW(generate(reader, prompt, -1, {}, ignore), Error);
  EXPECT_THROW(generate(reader, prompt, 1, {.temperature = -1}, ignore), Error);
  EXPECT_THROW(generate(reader, prompt, 1, {.temperature = NAN}, ignore), Error);
  EXPECT_THROW(generate(reader, prompt, 1, {.top_k = -1}, ignore), Error);
  EXPECT_THROW(generate(reader, prompt, 1, {.top_p = 0}, ignore), Error);
  EXPECT_THROW(generate(reader, prompt, 1, {.top_p = 1.5}, ignore), Error);
  EXPECT_THROW(reader.read(vocabulary), Error);
}

const std::vector<double> logits = {std::log(0.1), std::log(0.4), std::log(0.2), std::log(0.3)};

void expect_probabilities(const Sampling& sampling, const std::vector<double>& expected) {
  const std::vector<double> got = token_probabilities(logits, sampling);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-14) << i;
}

TEST(Sampling, KeepsTheLikeliest) {
  expect_probabilities({}, {0.1, 0.4, 0.2, 0.3});
  expect_probabilities({.temperature = 0}, {0, 1, 0, 0});
  expect_probabilities({.temperature = 0.5}, {0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3});
  expect_probabilities({.top_k = 2}, {0, 4.0 / 7, 0, 3.0 / 7});
  expect_probabilities({.top_k = 9}, {0.1, 0.4, 0.2, 0.3});
  expect_probabilities({.top_p = 0.39}, {0, 1, 0, 0});
  expect_probabilities({.top_p = 0.65}, {0, 4.0 / 7, 0, 3.0 / 7});
  expect_probabilities({.top_p = 0.75}, {0, 4.0 / 9, 2.0 / 9, 3.0 / 9});
  expect_probabilities({.top_k = 3, .top_p = 0.5}, {0, 4.0 / 7, 0, 3.0 / 7});
}

TEST(Sampling, DrawsByProbability) {
  std::vector<int64_t> counts(4);
  constexpr int64_t draws = 40000;
  for (uint64_t i = 0; i < draws; ++i)
    ++counts[static_cast<size_t>(sample_token(logits, {.top_k = 3, .seed = 7}, i))];
  EXPECT_EQ(counts[0], 0);
  const double shares[] = {0, 4.0 / 9, 2.0 / 9, 3.0 / 9};
  for (size_t token = 1; token < 4; ++token)  // five standard deviations
    EXPECT_NEAR(static_cast<double>(counts[token]), draws * shares[token],
                5 * std::sqrt(draws * shares[token] * (1 - shares[token])));
}

TEST(Sampling, RefusesWhatIsNoDistribution) {
  EXPECT_THROW(sample_token(std::vector<double>{0, NAN}, {}, 0), Error);
  EXPECT_THROW(sample_token(std::vector<double>{0, INFINITY}, {}, 0), Error);
  EXPECT_THROW(sample_token(std::vector<double>{-INFINITY, -INFINITY}, {}, 0), Error);
  EXPECT_EQ(sample_token(std::vector<double>{-INFINITY, 2}, {}, 0), 1);
}

}  // namespace
}  // namespace gradus
