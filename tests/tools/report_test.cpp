// SPDX-License-Identifier: Apache-2.0
// `gradus eval --report` and `gradus predict`, as a user calls them.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/philox.h"
#include "tests/data/temporary_folder.h"
#include "tests/tools/trained_table.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::lines_of;
using testing::Outcome;
using testing::read_file;
using testing::run;
using ReportTest = testing::TrainedTable;

TEST_F(ReportTest, ClassesAreReported) {
  train(write_table("t.csv", 200, false));
  const Outcome outcome = run("eval " + run_ + " --report " + report_ + " --json", "2>/dev/null");
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_EQ(Json::parse(outcome.output)["report"], report_);
  const Json report = Json::parse(read_file(report_ + "/report.json"));
  EXPECT_EQ(report["kind"], "classification");
  EXPECT_EQ(report["samples"], 50);
  EXPECT_EQ(report["accuracy"], Json::parse(outcome.output)["accuracy"]);
  EXPECT_NEAR(report["log_loss"].get<double>(), report["loss"].get<double>(), 1e-6);
  int64_t total = 0, right = 0;
  for (size_t w = 0; w < 3; ++w)
    for (size_t c = 0; c < 3; ++c) {
      total += report["confusion"][w][c].get<int64_t>();
      right += w == c ? report["confusion"][w][c].get<int64_t>() : 0;
    }
  EXPECT_EQ(total, 50);
  EXPECT_DOUBLE_EQ(report["accuracy"].get<double>(), static_cast<double>(right) / 50);
  EXPECT_EQ(report["micro"]["f1"], report["accuracy"]);
  EXPECT_EQ(report["top_k_accuracy"][0], report["accuracy"]);
  EXPECT_EQ(report["top_k_accuracy"][2], 1.0);
  EXPECT_EQ(report["classes"][2]["name"], "mid, dle");
  EXPECT_EQ(report["top_losses"].size(), 25u);
  for (const char* name :
       {"confusion.csv", "classes.csv", "curves.csv", "calibration.csv", "top_losses.csv",
        "confusion.svg", "roc.svg", "precision_recall.svg", "calibration.svg"})
    EXPECT_GT(read_file(report_ + "/" + name).size(), 40u) << name;
  EXPECT_NE(read_file(report_ + "/confusion.csv").find("\"mid, dle\""), std::string::npos);
  EXPECT_EQ(lines_of(read_file(report_ + "/calibration.csv")), 16u);
  // The same again over what is there.
  EXPECT_EQ(run("eval " + run_ + " --report " + report_).code, 0);
}

TEST_F(ReportTest, NumbersAreReported) {
  train(write_table("t.csv", 200, true));
  ASSERT_EQ(run("eval " + run_ + " --report " + report_).code, 0);
  const Json report = Json::parse(read_file(report_ + "/report.json"));
  EXPECT_EQ(report["kind"], "regression");
  const Json& output = report["outputs"][0];
  EXPECT_EQ(output["name"], "target");
  EXPECT_NEAR(output["mse"].get<double>(), report["mse"].get<double>(), 1e-3);
  EXPECT_NEAR(output["r2"].get<double>(), report["r2"].get<double>(), 1e-5);
  EXPECT_GT(output["r2"].get<double>(), 0.8);
  EXPECT_GE(output["max_error"], output["median_absolute_error"]);
  EXPECT_EQ(lines_of(read_file(report_ + "/residuals.csv")), 51u);
  EXPECT_NE(read_file(report_ + "/residuals.svg").find("<circle"), std::string::npos);
}

TEST_F(ReportTest, TextIsReported) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "ab\u00e9d\n";
  write("train.txt", text);
  write("val.txt", text);
  const std::string recipe =
      write("t.toml",
            "steps = 200\nbatch = 8\nlr = 0.02\n[model]\nname = \"lstm\"\nwidth = 8\n"
            "cells = 16\nlayers = 1\n[data]\nformat = \"text\"\nlength = 12\n");
  ASSERT_EQ(run("train " + recipe + " data.path=" + folder_.path() + " run=" + run_).code, 0);
  ASSERT_EQ(run("eval " + run_ + " --report " + report_).code, 0);
  const Json report = Json::parse(read_file(report_ + "/report.json"));
  EXPECT_EQ(report["kind"], "language");
  const double loss = report["loss"].get<double>();
  EXPECT_NEAR(report["perplexity"].get<double>(), std::exp(loss), 1e-9);
  EXPECT_NEAR(report["bits_per_token"].get<double>(), loss / std::log(2), 1e-12);
  // 6 bytes make 5 characters.
  EXPECT_NEAR(report["bits_per_character"].get<double>() / report["bits_per_token"].get<double>(),
              6.0 / 5, 0.01);
  // The mean of the windows' losses is the loss.
  EXPECT_LE(loss, report["top_losses"][0]["loss"].get<double>() + 1e-6);
  const std::string lines = write("lines.txt", "ab\u00e9d\r\n\nzzzz");
  const Outcome scored = run("predict " + run_ + " " + lines + " --json --top 2", "2>/dev/null");
  ASSERT_EQ(scored.code, 0) << scored.output;
  const Json rows = Json::parse(scored.output);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["line"], 1);
  EXPECT_EQ(rows[1]["line"], 3);
  EXPECT_EQ(rows[0]["tokens"], 6);
  EXPECT_EQ(rows[0]["next"][0]["text"], "\\n");
  EXPECT_LT(rows[0]["loss"].get<double>(), rows[1]["loss"].get<double>());
}

TEST_F(ReportTest, ValidationsAreReportedWhereWanted) {
  const std::string table = write_table("t.csv", 200, false);
  train(table, "report=true validate_every=75");
  const Json report = Json::parse(read_file(run_ + "/reports/step-00000150/report.json"));
  EXPECT_EQ(report["split"], "validation");
  EXPECT_EQ(report["samples"], 40);
  EXPECT_TRUE(fs::exists(run_ + "/reports/step-00000075/roc.svg"));
  // Reports change no weight and no metric.
  const std::string plain = folder_.file("plain");
  ASSERT_EQ(
      run("train " + recipe_ + " data.path=" + table + " validate_every=75 run=" + plain).code, 0);
  EXPECT_FALSE(fs::exists(plain + "/reports"));
  EXPECT_TRUE(read_file(plain + "/final.safetensors") == read_file(run_ + "/final.safetensors"));
  EXPECT_EQ(read_file(plain + "/metrics.jsonl"), read_file(run_ + "/metrics.jsonl"));
}

TEST_F(ReportTest, AReportMustHaveAFolder) {
  train(write_table("t.csv", 60, false), "steps=2");
  const std::string file = write("file", "x");
  EXPECT_EQ(run("eval " + run_ + " --report " + file).code, 2);
  EXPECT_EQ(run("eval " + run_ + " --report /proc/nothing").code, 5);
  EXPECT_EQ(run("eval " + run_ + " --weights middle").code, 2);
  EXPECT_EQ(run("eval " + run_ + " --weights average").code, 2);
  EXPECT_EQ(run("eval " + run_ + " --weights raw").code, 0);
}

// What predict says of the test rows is what eval counts.
TEST_F(ReportTest, RowsArePredictedAsTheyWereTrained) {
  const std::string table = write_table("t.csv", 200, false);
  train(table, "data.validation=0 data.test=0.5");
  ASSERT_EQ(run("eval " + run_ + " --report " + report_).code, 0);
  const Outcome outcome = run("predict " + run_ + " " + table + " --json --top 3", "2>/dev/null");
  ASSERT_EQ(outcome.code, 0);
  const Json rows = Json::parse(outcome.output);
  ASSERT_EQ(rows.size(), 200u);
  EXPECT_EQ(rows[0]["line"], 2);
  double sum = 0;
  for (const auto& answer : rows[7]["top"]) sum += answer["probability"].get<double>();
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_EQ(rows[7]["class"], rows[7]["top"][0]["class"]);
  // Each of the worst samples is among the rows, with the same confidence.
  const Json report = Json::parse(read_file(report_ + "/report.json"));
  for (const Json& worst : report["top_losses"])
    EXPECT_TRUE(std::ranges::any_of(rows, [&](const Json& row) {
      return row["class"] == worst["predicted"] &&
             std::abs(row["probability"].get<double>() - worst["confidence"].get<double>()) < 1e-9;
    }));
}

// Softmax of logits / T: powers 1 / T of the probabilities, in the same order.
TEST_F(ReportTest, ATemperatureBringsProbabilitiesTogether) {
  const std::string table = write_table("t.csv", 60, false);
  train(table);
  const auto answers = [&](const std::string& temperature) {
    return Json::parse(
        run("predict " + run_ + " " + table + " --json --top 3 " + temperature, "2>/dev/null")
            .output);
  };
  const Json plain = answers(""), warm = answers("--temperature 2.5");
  EXPECT_EQ(answers("--temperature 1"), plain);
  for (size_t row = 0; row < plain.size(); ++row) {
    double sum = 0, entropy = 0, warm_entropy = 0;
    const auto probability = [&](const Json& rows, size_t k) {
      return rows[row]["top"][k]["probability"].get<double>();
    };
    for (size_t k = 0; k < 3; ++k) sum += std::pow(probability(plain, k), 0.4);
    for (size_t k = 0; k < 3; ++k) {
      EXPECT_EQ(warm[row]["top"][k]["class"], plain[row]["top"][k]["class"]);
      EXPECT_NEAR(probability(warm, k), std::pow(probability(plain, k), 0.4) / sum, 1e-12);
      entropy -= probability(plain, k) * std::log(probability(plain, k));
      warm_entropy -= probability(warm, k) * std::log(probability(warm, k));
    }
    EXPECT_GT(warm_entropy, entropy);
  }
  EXPECT_EQ(answers("--temperature 1e-300")[0]["probability"], 1);
  for (const char* wrong : {"0", "-1", "nan", "inf", "hot"})
    EXPECT_EQ(run("predict " + run_ + " " + table + " --temperature " + wrong).code, 2) << wrong;
}

TEST_F(ReportTest, TablesNeedNoTargetAndBadRowsAreLeftOut) {
  train(write_table("t.csv", 200, false));
  const std::string rows =
      write("p.csv",
            "\xEF\xBB\xBFnote,colour,y,x\r\nbest,red,0.9,0.9\r\nbad,red,?,wide\r\n"
            "odd,green,,0.1\r\n");
  const Outcome outcome = run("predict " + run_ + " " + rows, "2>/dev/null");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(lines_of(outcome.output), 2u) << outcome.output;
  EXPECT_TRUE(outcome.output.starts_with(rows + ":2: high 0.")) << outcome.output;
  const Outcome faults = run("predict " + run_ + " " + rows, "2>&1 >/dev/null");
  EXPECT_NE(faults.output.find(rows + ":3"), std::string::npos) << faults.output;
  EXPECT_NE(faults.output.find("column 'x', expected a finite number, got 'wide'"),
            std::string::npos);
  const std::string csv = folder_.file("out.csv");
  EXPECT_EQ(run("predict " + run_ + " " + rows + " --top 2 --output " + csv, "2>/dev/null").output,
            "");
  const std::string text = read_file(csv);
  EXPECT_TRUE(text.starts_with("input,row,line,class,probability,class_2,probability_2,error\n"));
  EXPECT_EQ(lines_of(text), 4u) << text;
  EXPECT_EQ(run("predict " + run_ + " " + write("q.csv", "x,y\n1,2\n")).code, 1);
  EXPECT_EQ(run("predict " + run_ + " " + write("e.csv", "")).code, 1);
  EXPECT_EQ(run("predict " + run_ + " " + folder_.file("none.csv")).code, 3);
  EXPECT_EQ(run("predict " + run_ + " " + rows + " --top 0").code, 2);
  EXPECT_EQ(run("predict " + folder_.path() + " " + rows).code, 3);
}

TEST_F(ReportTest, NumbersArePredictedInTheirUnit) {
  train(write_table("t.csv", 300, true), "steps=400");
  const std::string rows = write("p.csv", "x,y,colour\n0.5,0.5,red\n1,0,blue\n");
  const Json found =
      Json::parse(run("predict " + run_ + " " + rows + " --json", "2>/dev/null").output);
  EXPECT_NEAR(found[0]["values"]["target"].get<double>(), 25.5, 6);
  EXPECT_NEAR(found[1]["values"]["target"].get<double>(), 100.5, 12);
  EXPECT_EQ(run("predict " + run_ + " " + rows + " --temperature 2").code, 2);
}

// What follows a series is what eval's last window says, whose history ends there.
TEST_F(ReportTest, SeriesGoOn) {
  std::string head = "day,a,b\n", text = head, cut = head;
  const int rows = 80, horizon = 2;
  double before = 0;  // of b, in the last row that is known
  for (int i = 0; i < rows; ++i) {
    const double b = 50 + i + 3 * std::sin(i * 0.7);
    const std::string row =
        fmt::format("2020-{:02}-{:02},{},{}\n", 1 + i / 28, 1 + i % 28, i % 5, b);
    text += row;
    if (i < rows - horizon) cut += row, before = b;
  }
  const std::string source = write("s.csv", text), known = write("known.csv", cut);
  for (const bool relative : {false, true}) {
    const std::string recipe =
        write("s.toml", fmt::format("steps = 30\nbatch = 8\n[model]\nhidden = [8]\n[data]\n"
                                    "format = \"series\"\nhistory = 6\nhorizon = {}\ntest = 0.3\n"
                                    "target = \"b\"\nrelative = {}\n",
                                    horizon, relative));
    fs::remove_all(run_);
    fs::remove_all(report_);
    ASSERT_EQ(run("train " + recipe + " data.path=" + source + " run=" + run_).code, 0);
    ASSERT_EQ(run("eval " + run_ + " --report " + report_).code, 0);
    const Outcome said = run("predict " + run_ + " " + known + " --json", "2>/dev/null");
    ASSERT_EQ(said.code, 0) << said.output;
    const Json found = Json::parse(said.output);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0]["line"], rows - horizon + 1);
    // index, and of each output what was wanted and what the model said
    std::istringstream table(read_file(report_ + "/residuals.csv"));
    std::string line, cell;
    std::vector<double> last;
    while (std::getline(table, line)) {
      last.clear();
      for (std::istringstream cells(line); std::getline(cells, cell, ',');)
        last.push_back(cell.find_first_not_of("0123456789.-+e") == cell.npos ? std::stod(cell) : 0);
    }
    ASSERT_EQ(last.size(), 5u);
    for (const auto& [name, column] : {std::pair{"b+1", 2}, {"b+2", 4}}) {
      const double predicted = last[static_cast<size_t>(column)];
      const double value = found[0]["values"][name].get<double>();
      EXPECT_NEAR(value, predicted + (relative ? before : 0), 1e-4 * std::abs(value)) << name;
      EXPECT_GT(value, 60);
    }
  }
  const auto fault = [&](const std::string& table, const std::string& part) {
    const Outcome outcome = run("predict " + run_ + " " + write("x.csv", table));
    EXPECT_EQ(outcome.code, 1);
    EXPECT_NE(outcome.output.find(part), std::string::npos) << outcome.output;
  };
  fault("a,b\n1,2\n", "at least the 6 rows");
  fault("a,c\n1,2\n", "no column 'b'");
  fault("b,a\n1,2\n1,2\n1,2\n1,2\n1,\n1,2\n", "x.csv:6] column 'a', expected a finite number");
  EXPECT_EQ(
      run("predict " + run_ + " " + write("y.csv", "b,a\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n")).code, 0);
}

// Images of 8 x 8: bright above or below. Grey PNGs are read by the same run as IDX files.
TEST_F(ReportTest, ImagesAndArraysArePredicted) {
  std::vector<uint8_t> pixels, labels;
  for (uint32_t i = 0; i < 100; ++i) {
    labels.push_back(static_cast<uint8_t>(i % 2));
    for (uint32_t p = 0; p < 64; ++p)
      pixels.push_back(
          static_cast<uint8_t>(philox_word({5, 5}, 64 * i + p) % 60 + (p / 32 == i % 2 ? 180 : 0)));
  }
  for (const char* split : {"train", "t10k"}) {
    folder_.write(std::string(split) + "-images-idx3-ubyte", idx_bytes({100, 8, 8}, pixels));
    folder_.write(std::string(split) + "-labels-idx1-ubyte", idx_bytes({100}, labels));
  }
  const std::string recipe =
      write("i.toml",
            "steps = 60\nbatch = 20\nlr = 0.01\n[model]\nname = \"mlp\"\nhidden = [16]\n"
            "[data]\nformat = \"idx\"\nclasses = 2\nmean = 0.4\ndeviation = 0.3\n"
            "class_names = [\"above\", \"below\"]\n");
  const Outcome trained = run("train " + recipe + " data.path=" + folder_.path() + " run=" + run_);
  ASSERT_EQ(trained.code, 0) << trained.output;
  const std::string images = folder_.file("t10k-images-idx3-ubyte");
  const Json rows =
      Json::parse(run("predict " + run_ + " " + images + " --json", "2>/dev/null").output);
  ASSERT_EQ(rows.size(), 100u);
  for (size_t i = 0; i < rows.size(); ++i)
    EXPECT_EQ(rows[i]["class"], i % 2 == 0 ? "above" : "below") << i;
  // A folder: two arrays, one of them cut; other files are none of ours.
  fs::create_directories(folder_.file("in/sub"));
  const std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (8, 8), }";
  std::string npy = "\x93NUMPY\x01";
  npy.push_back('\0');
  npy.push_back(118);
  npy.push_back('\0');
  npy += header + std::string(118 - header.size() - 1, ' ') + "\n";
  write("in/sub/cut.npy", npy);
  npy.append(reinterpret_cast<const char*>(pixels.data()), 64);
  write("in/one.npy", npy);
  write("in/notes.md", "x");
  const Outcome folder = run("predict " + run_ + " " + folder_.file("in"), "2>/dev/null");
  EXPECT_EQ(folder.code, 1);
  EXPECT_TRUE(folder.output.starts_with(folder_.file("in/one.npy") + "[0]: above "))
      << folder.output;
  EXPECT_EQ(lines_of(folder.output), 1u);
  const std::string wide = folder_.write("w-idx", idx_bytes({1, 2, 2}, {1, 2, 3, 4}));
  const Outcome refused = run("predict " + run_ + " " + wide);
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.output.find("expected (1, 8, 8), got (1, 2, 2)"), std::string::npos)
      << refused.output;
  EXPECT_EQ(run("predict " + run_ + " " + write("odd.bin", "hello, file")).code, 1);
  fs::remove(run_ + "/data.json");
  EXPECT_EQ(run("predict " + run_ + " " + images).code, 3);
  write("run/data.json", "{\"format\":1}");
  EXPECT_EQ(run("predict " + run_ + " " + images).code, 4);
}

TEST_F(ReportTest, AveragesAndRawWeightsOfCheckpoints) {
  train(write_table("t.csv", 200, false),
        "average.name=ema average.decay=0.9 checkpoint.every=150 steps=150");
  const auto loss = [&](const std::string& options) {
    return Json::parse(run("eval " + run_ + " --json " + options, "2>/dev/null").output)["loss"]
        .get<double>();
  };
  const double averaged = loss(""), raw = loss("--weights raw");
  EXPECT_NE(averaged, raw);
  EXPECT_EQ(loss("--weights average"), averaged);
  EXPECT_EQ(loss("--checkpoint 150"), averaged);
  EXPECT_EQ(loss("--checkpoint 150 --weights average"), averaged);
  EXPECT_EQ(loss("--checkpoint 150 --weights raw"), raw);
}

}  // namespace
}  // namespace gradus
