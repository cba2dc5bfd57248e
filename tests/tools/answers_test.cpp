// SPDX-License-Identifier: Apache-2.0
// What `gradus predict` says by dropout and of other heads than classes and numbers, as a user
// calls it.
#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/philox.h"
#include "tests/tools/trained_table.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::Outcome;
using testing::read_file;
using testing::run;
using AnswersTest = testing::TrainedTable;

// Passes with dropout: the same call says the same, another seed something near, and samples draw
// masks of their own.
TEST_F(AnswersTest, DropoutIsDrawn) {
  train(write_table("t.csv", 200, false), "model.dropout=0.5 seed=9");
  const std::string rows = write("p.csv", "x,y,colour\n0.7,0.4,red\n0.7,0.4,red\n0.1,0.1,blue\n");
  const std::string call = "predict " + run_ + " " + rows;
  const auto json = [&](const std::string& options) {
    const Outcome outcome = run(call + " --json " + options, "2>/dev/null");
    EXPECT_EQ(outcome.code, 0) << options;
    return Json::parse(outcome.output);
  };
  const Json plain = json("--top 3"), drawn = json("--top 3 --mc-dropout 400");
  EXPECT_FALSE(plain[0].contains("spread"));
  EXPECT_EQ(drawn, json("--top 3 --mc-dropout 400 --seed 9"));
  const Json other = json("--top 3 --mc-dropout 400 --seed 10");
  EXPECT_NE(drawn, other);
  for (size_t i = 0; i < 3; ++i) {
    double sum = 0;
    for (const Json& answer : drawn[i]["top"]) sum += answer["probability"].get<double>();
    EXPECT_NEAR(sum, 1, 1e-12);
    EXPECT_EQ(drawn[i]["spread"], drawn[i]["top"][0]["spread"]);
    const double spread = drawn[i]["spread"];
    EXPECT_GT(spread, 0);
    EXPECT_LT(spread, 0.5);
    // Two means of 400: 6 of their errors apart at most.
    if (drawn[i]["class"] == other[i]["class"]) {
      EXPECT_LT(
          std::abs(drawn[i]["probability"].get<double>() - other[i]["probability"].get<double>()),
          6 * spread * std::sqrt(2.0 / 400));
    }
  }
  EXPECT_NE(drawn[0]["probability"], drawn[1]["probability"]);
  EXPECT_EQ(plain[0]["probability"], plain[1]["probability"]);
  const std::string answers = folder_.file("answers.csv");
  ASSERT_EQ(run(call + " --mc-dropout 3 --top 2 --output " + answers).code, 0);
  EXPECT_TRUE(read_file(answers).starts_with(
      "input,row,line,class,probability,spread,class_2,probability_2,spread_2,error\n"));
  EXPECT_NE(run(call + " --mc-dropout 3").output.find(" (spread 0."), std::string::npos);
  EXPECT_EQ(run(call + " --mc-dropout 1").code, 2);
  EXPECT_EQ(run(call + " --mc-dropout -1").code, 2);
  EXPECT_EQ(run(call + " --seed 3").code, 2);
  EXPECT_EQ(run(call + " --mc-dropout 5 --seed -2").code, 2);
}

TEST_F(AnswersTest, DropoutIsDrawnOfNumbersAndRefusedWithout) {
  const std::string table = write_table("t.csv", 100, true);
  train(table, "model.dropout=0.2 steps=20");
  const std::string rows = write("p.csv", "x,y,colour\n0.5,0.5,red\n");
  const std::string answers = folder_.file("answers.csv");
  const Outcome drawn =
      run("predict " + run_ + " " + rows + " --mc-dropout 20 --json", "2>/dev/null");
  ASSERT_EQ(drawn.code, 0) << drawn.output;
  const Json found = Json::parse(drawn.output);
  EXPECT_GT(found[0]["spread"]["target"].get<double>(), 0);
  ASSERT_EQ(run("predict " + run_ + " " + rows + " --mc-dropout 20 --output " + answers).code, 0);
  EXPECT_TRUE(read_file(answers).starts_with("input,row,line,target,spread of target,error\n"));
  fs::remove_all(run_);
  train(table, "steps=5");
  const Outcome refused = run("predict " + run_ + " " + rows + " --mc-dropout 20");
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.output.find("no dropout"), std::string::npos) << refused.output;
}

// Points of a square and what holds there, each in a column; one of the labels never does.
std::string write_labels(TemporaryFolder& folder) {
  std::string text = "x,y,right,above,beyond\n";
  for (uint32_t i = 0; i < 200; ++i) {
    const double x = philox_word({3, 2}, 2 * i) / 4294967296.0;
    const double y = philox_word({3, 2}, 2 * i + 1) / 4294967296.0;
    text += fmt::format("{},{},{},{},0\n", x, y, x > 0.5 ? 1 : 0, y > 0.6 ? 1 : 0);
  }
  return folder.write("labels.csv", {text.begin(), text.end()});
}

double f1_of(double right, double wrong, double missed) {
  const double all = 2 * right + wrong + missed;
  return all > 0 ? 2 * right / all : 0;
}

// What eval says of labels is what its answers for the same rows come to.
TEST_F(AnswersTest, LabelsAreScoredAsTheyArePredicted) {
  const std::string table = write_labels(folder_);
  const std::string parts = " data.validation=0 data.test=0.25 steps=60";
  train(table, "data.target=right,above,beyond" + parts);
  const Outcome scored = run("eval " + run_ + " --json --report " + report_, "2>/dev/null");
  ASSERT_EQ(scored.code, 0) << scored.output;
  const Json score = Json::parse(scored.output);
  const Json report = Json::parse(read_file(report_ + "/report.json"));
  EXPECT_EQ(report["kind"], "labels");
  EXPECT_EQ(report["labels"][1]["name"], "above");
  EXPECT_TRUE(report["labels"][2]["roc_auc"].is_null());
  EXPECT_GT(report["labels"][0]["roc_auc"].get<double>(), 0.9);
  for (const char* name : {"labels.csv", "roc.svg", "precision_recall.svg", "top_losses.csv"})
    EXPECT_TRUE(fs::exists(report_ + "/" + name)) << name;
  double right = 0, wrong = 0, missed = 0, macro = 0, hamming = 0;
  for (const Json& label : report["labels"]) {
    const double support = label["support"], predicted = label["predicted"];
    const double found = label["recall"].get<double>() * support;
    right += found;
    wrong += predicted - found;
    missed += support - found;
    macro += f1_of(found, predicted - found, support - found) / 3;
    hamming += (1 - label["accuracy"].get<double>()) / 3;
  }
  EXPECT_NEAR(score["f1_micro"].get<double>(), f1_of(right, wrong, missed), 1e-12);
  EXPECT_NEAR(score["f1_macro"].get<double>(), macro, 1e-12);
  EXPECT_NEAR(report["hamming_loss"].get<double>(), hamming, 1e-12);
  EXPECT_GT(score["f1_micro"].get<double>(), 0.8);
  EXPECT_LT(score["f1_macro"].get<double>(), score["f1_micro"].get<double>());
  EXPECT_GE(score["accuracy"].get<double>(), 1 - 3 * hamming);
  const std::string rows = write("p.csv", "x,y\n0.9,0.9\n0.1,0.1\n0.95,0.05\n");
  const Json said =
      Json::parse(run("predict " + run_ + " " + rows + " --json", "2>/dev/null").output);
  EXPECT_EQ(said[0]["labels"], (Json{"right", "above"}));
  EXPECT_EQ(said[1]["labels"], Json::array());
  EXPECT_EQ(said[2]["labels"], Json{"right"});
  EXPECT_LT(said[0]["probabilities"]["beyond"].get<double>(), 0.2);
  const Outcome text = run("predict " + run_ + " " + rows);
  EXPECT_NE(text.output.find("p.csv:3: none of 3 labels\n"), std::string::npos) << text.output;
  EXPECT_NE(text.output.find("p.csv:2: right 0."), std::string::npos) << text.output;
  EXPECT_EQ(run("predict " + run_ + " " + rows + " --temperature 3").code, 0);
  // A run of labels goes on where it was stopped, with its scores.
  fs::remove_all(run_);
  train(table,
        "data.target=right,above data.validation=0.2 steps=20 stop.patience=9 "
        "validate_every=5 accumulate=2");
  EXPECT_EQ(
      Json::parse(run("runs show " + run_ + " --json").output)["evaluation"]["metrics"].size(), 4u);
}

// One logit: the same words as two classes have.
TEST_F(AnswersTest, OneOfTwoClasses) {
  const std::string table = write_labels(folder_);
  train(table,
        "data.target=right data.drop=above,beyond data.task=binary data.class_weights=balanced");
  EXPECT_NE(run("ls " + run_).output.find("fc2.weight"), std::string::npos);
  EXPECT_NE(run("ls " + run_).output.find("(1, 16)"), std::string::npos)
      << run("ls " + run_).output;
  const Json score = Json::parse(run("eval " + run_ + " --json", "2>/dev/null").output);
  EXPECT_GT(score["accuracy"].get<double>(), 0.85);
  ASSERT_EQ(run("eval " + run_ + " --report " + report_).code, 0);
  const Json report = Json::parse(read_file(report_ + "/report.json"));
  EXPECT_EQ(report["kind"], "classification");
  EXPECT_EQ(report["classes"].size(), 2u);
  EXPECT_NEAR(report["log_loss"].get<double>(), report["loss"].get<double>(), 1e-6);
  const std::string rows = write("p.csv", "x,y\n0.9,0.5\n0.1,0.5\n");
  const Json said =
      Json::parse(run("predict " + run_ + " " + rows + " --json", "2>/dev/null").output);
  EXPECT_EQ(said[0]["class"], "1");
  EXPECT_EQ(said[1]["class"], "0");
  EXPECT_GT(said[0]["probability"].get<double>(), 0.8);
}

TEST_F(AnswersTest, WhatDoesNotGoTogetherIsRefused) {
  const std::string numbers = write_labels(folder_), classes = write_table("t.csv", 60, false);
  const auto expect = [&](const std::string& settings, int code, const std::string& part) {
    const Outcome outcome = run("train " + recipe_ + " run=" + run_ + " " + settings);
    EXPECT_EQ(outcome.code, code) << settings << outcome.output;
    EXPECT_NE(outcome.output.find(part), std::string::npos) << outcome.output;
    EXPECT_FALSE(fs::exists(run_)) << settings;
  };
  const std::string three = "data.path=" + classes, two = "data.path=" + numbers;
  expect(three + " data.task=binary", 4, "has 3 different values, expected 2 for data.task=binary");
  expect(three + " data.task=regression", 4, "data.task=classification takes it");
  expect(three + " data.task=multilabel", 4, "is text, expected 0 or 1 for data.task=multilabel");
  expect(three + " loss.name=mae", 2, "did you mean");
  expect(three + " loss.name=l1", 2, "the targets are classes: expected one of cross_entropy");
  expect(three + " loss.name=binary_cross_entropy", 2, "is for data.task=binary or multilabel");
  expect(two + " data.task=multilabel data.target=x,right", 4, "expected 0 or 1, got 0.");
  expect(two + " data.task=classification data.target=right,above", 2,
         "data.task=multilabel takes");
  expect(two + " data.target=right,above loss.name=mse", 2, "expected one of binary_cross_entropy");
  expect(two + " data.target=right,above loss.label_smoothing=0.1", 2, "are for classes");
  expect(two + " data.target=right,above data.class_weights=balanced", 2, "one class per sample");
  expect(two + " data.target=right,above data.stratify=true", 2, "");
}

// An autoencoder needs no targets, and what stands there changes nothing.
TEST_F(AnswersTest, SamplesAreReconstructedWithoutLabels) {
  std::string bare = "a,b,kind\n", labelled = "a,b,kind,label\n";
  for (uint32_t i = 0; i < 80; ++i) {
    const double a = philox_word({3, 9}, i) / 4294967296.0;
    const std::string row = fmt::format("{},{},{}", a, 1 - 2 * a, i % 2 == 0 ? "p" : "q");
    bare += row + "\n";
    labelled += fmt::format("{},{}\n", row, i % 3);
  }
  const std::string settings =
      "data.task=reconstruction model.name=autoencoder model.hidden=8 model.code=2 "
      "data.missing=error ";
  train(write("bare.csv", bare), settings);
  const std::string weights = read_file(run_ + "/final.safetensors");
  const Json score = Json::parse(run("eval " + run_ + " --json", "2>/dev/null").output);
  EXPECT_GT(score["r2"].get<double>(), 0.5);
  const std::string rows = write("p.csv", "a,b,kind\n0.5,0,p\n");
  const Json said =
      Json::parse(run("predict " + run_ + " " + rows + " --json", "2>/dev/null").output);
  EXPECT_EQ(said[0]["values"].size(), 4u);
  EXPECT_TRUE(said[0]["values"].contains("kind=q")) << said;
  fs::remove_all(run_);
  train(write("labelled.csv", labelled), settings + "data.target=label");
  EXPECT_EQ(read_file(run_ + "/final.safetensors"), weights);
  const Outcome refused = run("train " + recipe_ + " data.path=" + folder_.file("bare.csv") +
                              " model.name=autoencoder run=" + folder_.file("no"));
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.output.find("data.task=reconstruction"), std::string::npos) << refused.output;
}

}  // namespace
}  // namespace gradus
