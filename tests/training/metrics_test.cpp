// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "tests/support/program.h"
#include "training/metrics/calibration.h"
#include "training/metrics/confusion.h"
#include "training/metrics/ranking.h"
#include "training/metrics/regression.h"
#include "training/metrics/top_losses.h"

namespace gradus {
namespace {

using Json = nlohmann::json;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Made by tests/suites/metrics_cases.py from scikit-learn.
const Json& stored() {
  static const Json cases = [] {
    std::ifstream file(testing::source_path("tests/vectors/metrics.json"));
    return Json::parse(file);
  }();
  return cases;
}

void expect_same(double got, const Json& expected, const std::string& what) {
  if (expected.is_null())
    EXPECT_TRUE(std::isnan(got)) << what << " " << got;
  else
    EXPECT_NEAR(got, expected.get<double>(), 1e-12 * std::max(1.0, std::abs(got))) << what;
}

void expect_scores(const ClassScore& got, const Json& expected, const std::string& what) {
  expect_same(got.precision, expected[0], what + " precision");
  expect_same(got.recall, expected[1], what + " recall");
  expect_same(got.f1, expected[2], what + " F1");
}

struct Filled {
  ConfusionMatrix matrix;
  Calibration calibration;
};

Filled fill(const Json& item) {
  Filled filled{ConfusionMatrix(item["classes"].get<int64_t>()), {}};
  for (size_t i = 0; i < item["wanted"].size(); ++i) {
    const auto row = item["probabilities"][i].get<std::vector<double>>();
    const int64_t predicted = std::ranges::max_element(row) - row.begin();
    const auto wanted = item["wanted"][i].get<int64_t>();
    filled.matrix.add(wanted, predicted);
    filled.calibration.add(row, wanted, predicted);
  }
  return filled;
}

Ranking rank_class(const Json& item, size_t c) {
  std::vector<double> scores;
  std::vector<uint8_t> positive;
  for (size_t i = 0; i < item["wanted"].size(); ++i) {
    scores.push_back(item["probabilities"][i][c].get<double>());
    positive.push_back(item["wanted"][i].get<size_t>() == c ? 1 : 0);
  }
  return rank(scores, positive);
}

TEST(Metrics, CountsOfClassesAreThoseOfScikitLearn) {
  ASSERT_GE(stored()["classes"].size(), 10u);
  for (const Json& item : stored()["classes"]) {
    const std::string name = item["name"];
    const Json& truth = item["truth"];
    const auto [matrix, calibration] = fill(item);
    for (int64_t w = 0; w < matrix.classes(); ++w)
      for (int64_t p = 0; p < matrix.classes(); ++p)
        EXPECT_EQ(matrix.count(w, p),
                  truth["confusion"][static_cast<size_t>(w)][static_cast<size_t>(p)])
            << name;
    for (int64_t c = 0; c < matrix.classes(); ++c) {
      const auto at = static_cast<size_t>(c);
      expect_scores(score_of_class(matrix, c),
                    {truth["each"][0][at], truth["each"][1][at], truth["each"][2][at]}, name);
    }
    expect_scores(averaged_score(matrix, ClassAverage::macro), truth["macro"], name + " macro");
    expect_scores(averaged_score(matrix, ClassAverage::micro), truth["micro"], name + " micro");
    expect_scores(averaged_score(matrix, ClassAverage::weighted), truth["weighted"],
                  name + " weighted");
    expect_same(accuracy(matrix), truth["accuracy"], name + " accuracy");
    expect_same(balanced_accuracy(matrix), truth["balanced_accuracy"], name + " balanced");
    expect_same(matthews_correlation(matrix), truth["matthews"], name + " Matthews");
    expect_same(cohens_kappa(matrix), truth["kappa"], name + " kappa");
    expect_same(calibration.log_loss(), truth["log_loss"], name + " log loss");
    expect_same(calibration.brier_score(), truth["brier"], name + " Brier");
  }
}

TEST(Metrics, CurvesAreThoseOfScikitLearn) {
  for (const Json& item : stored()["classes"])
    for (size_t c = 0; c < item["classes"].get<size_t>(); ++c) {
      const std::string name = item["name"].get<std::string>() + " class " + std::to_string(c);
      const Json& truth = item["truth"];
      const Ranking ranking = rank_class(item, c);
      expect_same(ranking.roc_auc, truth["roc_auc"][c], name + " AUC");
      expect_same(ranking.average_precision, truth["average_precision"][c], name + " AP");
      const Json& curve = truth["curves"][c];
      ASSERT_EQ(ranking.points.size(), curve["threshold"].size()) << name;
      for (size_t i = 0; i < ranking.points.size(); ++i) {
        EXPECT_EQ(ranking.points[i].threshold, curve["threshold"][i]) << name;
        if (!curve["tp"][i].is_null()) {
          EXPECT_EQ(ranking.points[i].true_positives, curve["tp"][i]) << name;
        }
        if (!curve["fp"][i].is_null()) {
          EXPECT_EQ(ranking.points[i].false_positives, curve["fp"][i]) << name;
        }
      }
    }
}

TEST(Metrics, ErrorsOfNumbersAreThoseOfScikitLearn) {
  ASSERT_GE(stored()["regression"].size(), 6u);
  for (const Json& item : stored()["regression"]) {
    const std::string name = item["name"];
    const auto wanted = item["wanted"].get<std::vector<double>>();
    const auto predicted = item["predicted"].get<std::vector<double>>();
    const RegressionScore score = regression_score(wanted, predicted);
    const Json& truth = item["truth"];
    expect_same(score.mse, truth["mse"], name + " mse");
    expect_same(score.rmse, truth["rmse"], name + " rmse");
    expect_same(score.mae, truth["mae"], name + " mae");
    expect_same(score.median_absolute_error, truth["median_absolute_error"], name + " median");
    expect_same(score.max_error, truth["max_error"], name + " max");
    expect_same(score.r2, truth["r2"], name + " r2");
    expect_same(score.explained_variance, truth["explained_variance"], name + " explained");
  }
}

// TP 8, FP 2, FN 4 of the second class.
TEST(Metrics, AHandMadeMatrix) {
  ConfusionMatrix matrix(2);
  for (int i = 0; i < 8; ++i) matrix.add(1, 1);
  for (int i = 0; i < 2; ++i) matrix.add(0, 1);
  for (int i = 0; i < 4; ++i) matrix.add(1, 0);
  const ClassScore score = score_of_class(matrix, 1);
  EXPECT_DOUBLE_EQ(score.precision, 0.8);
  EXPECT_DOUBLE_EQ(score.recall, 2.0 / 3);
  EXPECT_DOUBLE_EQ(score.f1, 8.0 / 11);
  EXPECT_EQ(score_of_class(matrix, 0).f1, 0);
  EXPECT_THROW(matrix.add(2, 0), Error);
  EXPECT_THROW(matrix.add(0, -1), Error);
  EXPECT_THROW(ConfusionMatrix(0), Error);
}

TEST(Metrics, AreasAtTheEnds) {
  const std::vector<uint8_t> kinds = {1, 1, 0, 0};
  EXPECT_EQ(rank(std::vector<double>{4, 3, 2, 1}, kinds).roc_auc, 1);
  EXPECT_EQ(rank(std::vector<double>{1, 2, 3, 4}, kinds).roc_auc, 0);
  EXPECT_EQ(rank(std::vector<double>{7, 7, 7, 7}, kinds).roc_auc, 0.5);
  const Ranking constant = rank(std::vector<double>{7, 7, 7, 7}, kinds);
  EXPECT_EQ(constant.points.size(), 1u);
  EXPECT_EQ(constant.average_precision, 0.5);
  EXPECT_TRUE(std::isnan(rank({}, {}).roc_auc));
}

// Leaving corners out must not change the area.
TEST(Metrics, CornersHoldTheCurve) {
  const Json& item = stored()["classes"][0];
  const Ranking ranking = rank_class(item, 1);
  const auto kept = corners(ranking);
  EXPECT_LT(kept.size(), ranking.points.size());
  EXPECT_EQ(kept.back().true_positives, ranking.positives);
  EXPECT_EQ(kept.back().false_positives, ranking.negatives);
  double area = 0, tp = 0, fp = 0;
  for (const Ranking::Point& point : kept) {
    const auto up = static_cast<double>(point.true_positives);
    const auto right = static_cast<double>(point.false_positives);
    area += (right - fp) * (up + tp) / 2;
    tp = up;
    fp = right;
  }
  EXPECT_NEAR(area / (tp * fp), ranking.roc_auc, 1e-13);
}

TEST(Metrics, WhatIsNoNumberIsAnError) {
  const auto kind_of = [](auto&& call) {
    try {
      call();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("sample 1"), std::string::npos) << error.what();
      return error.kind();
    }
    return ErrorKind::internal;
  };
  const std::vector<uint8_t> kinds = {1, 0};
  const std::vector<double> scores = {0.5, nan}, wanted = {1, 2};
  std::vector<double> out(2);
  EXPECT_EQ(kind_of([&] { rank(scores, kinds); }), ErrorKind::not_finite);
  EXPECT_EQ(kind_of([&] { regression_score(wanted, scores); }), ErrorKind::not_finite);
  EXPECT_EQ(kind_of([&] { softmax(scores, 1, out); }), ErrorKind::not_finite);
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(kind_of([&] {
              softmax(std::vector<double>{0, infinity}, 1, out);
            }),
            ErrorKind::not_finite);
  EXPECT_EQ(kind_of([&] {
              softmax(std::vector<double>{-infinity, -infinity}, 1, out);
            }),
            ErrorKind::not_finite);
  EXPECT_THROW(regression_score({}, {}), Error);
}

TEST(Metrics, SoftmaxIsExactForLargeLogits) {
  std::vector<double> out(3);
  softmax(std::vector<double>{1000, 1000, -1e308}, 0, out);
  EXPECT_EQ(out, (std::vector<double>{0.5, 0.5, 0}));
}

// Two bins: 0.55 three times, right once; 0.95 twice, right twice.
TEST(Metrics, CalibrationErrorByHand) {
  Calibration calibration;
  const std::vector<double> low = {0.55, 0.45}, high = {0.95, 0.05};
  calibration.add(low, 0, 0);
  calibration.add(low, 1, 0);
  calibration.add(low, 1, 0);
  calibration.add(high, 0, 0);
  calibration.add(high, 0, 0);
  EXPECT_NEAR(calibration.expected_error(),
              (3 * std::abs(0.55 - 1.0 / 3) + 2 * std::abs(0.95 - 1)) / 5, 1e-15);
  EXPECT_NEAR(calibration.maximum_error(), 0.55 - 1.0 / 3, 1e-15);
  EXPECT_EQ(calibration.reliability()[8].samples, 3);
  EXPECT_EQ(calibration.reliability()[14].samples, 2);
  EXPECT_TRUE(std::isnan(Calibration().expected_error()));
  const std::vector<double> sure = {1, 0};
  Calibration wrong;
  wrong.add(sure, 1, 0);
  EXPECT_TRUE(std::isfinite(wrong.log_loss()));
  EXPECT_EQ(wrong.reliability()[14].samples, 1);
  EXPECT_EQ(wrong.brier_score(), 1);
}

TEST(Metrics, TheWorstSamplesStay) {
  TopLosses top;
  for (int64_t i = 0; i < 1000; ++i)
    top.add({.loss = static_cast<double>((i * 7919) % 500), .index = i});
  const auto sorted = top.sorted();
  ASSERT_EQ(sorted.size(), TopLosses::most);
  for (size_t i = 1; i < sorted.size(); ++i) {
    EXPECT_GE(sorted[i - 1].loss, sorted[i].loss);
    if (sorted[i - 1].loss == sorted[i].loss) {
      EXPECT_LT(sorted[i - 1].index, sorted[i].index);
    }
  }
  EXPECT_EQ(sorted[0].loss, 499);
}

}  // namespace
}  // namespace gradus
