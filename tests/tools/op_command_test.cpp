// SPDX-License-Identifier: Apache-2.0
// `gradus op ...` as a user meets it: the program itself, its output and its exit codes.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/io/safetensors.h"
#include "tests/support/program.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

struct Outcome {
  int code;
  std::string out, err;
};

class OpCommand : public ::testing::Test {
 protected:
  OpCommand() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / fmt::format("gradus_{}_{}", info->name(), getpid());
    fs::create_directories(folder_);
  }
  ~OpCommand() override { fs::remove_all(folder_); }

  std::string path(std::string_view name) const { return (folder_ / name).string(); }

  Outcome run(const std::string& arguments) const {
    const std::string command = fmt::format("{} {} >{} 2>{}", testing::program(), arguments,
                                            path("stdout"), path("stderr"));
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text("stdout"), text("stderr")};
  }

  // Expects this code, nothing on stdout, and one line on stderr that holds `part`.
  void expect_error(const std::string& arguments, int code, std::string_view part) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, code) << arguments << "\n" << outcome.err;
    EXPECT_EQ(outcome.out, "") << arguments;
    EXPECT_EQ(outcome.err.find("gradus: error: "), 0u) << outcome.err;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
  }

 private:
  std::string text(std::string_view name) const {
    std::ostringstream stream;
    stream << std::ifstream(path(name)).rdbuf();
    return stream.str();
  }

  fs::path folder_;
};

Tensor values(const Shape& shape, std::initializer_list<float> list) {
  return Tensor::from<float>(DType::f32, shape, std::vector<float>(list));
}

TEST_F(OpCommand, list_is_one_json_value_on_one_line) {
  const Outcome outcome = run("op list --json");
  ASSERT_EQ(outcome.code, 0);
  EXPECT_EQ(std::ranges::count(outcome.out, '\n'), 1);
  const auto ops = nlohmann::json::parse(outcome.out);
  EXPECT_GT(ops.size(), 60u);
  for (const auto& op : ops)
    for (std::string_view key : {"name", "doc", "inputs", "attributes", "dtypes", "devices"})
      EXPECT_TRUE(op.contains(key)) << op["name"] << " " << key;
}

TEST_F(OpCommand, output_that_does_not_arrive_is_an_error) {
  for (const char* arguments : {"op list --json", "op list", "op show relu", "--help", "--version"})
    EXPECT_EQ(
        std::system(
            fmt::format("{} {} >/dev/full 2>/dev/null", testing::program(), arguments).c_str()),
        5 << 8)
        << arguments;
}

TEST_F(OpCommand, errors_name_the_op_that_was_asked_for) {
  save_safetensors(path("in"), {{"0", values({1, 1, 2, 2}, {1, 2, 3, 4})},
                                {"1", values({1, 1, 3, 3}, {1, 1, 1, 1, 1, 1, 1, 1, 1})}});
  save_safetensors(path("one"), {{"0", values({2}, {1, 2})}});
  const auto call = [&](std::string_view op, std::string_view inputs, std::string_view more) {
    return fmt::format("op run {} --inputs {} --output {} {}", op, path(inputs), path("out"), more);
  };
  expect_error(call("conv2d", "in", ""), 2, "[conv2d] ");
  expect_error(call("mse_loss", "in", ""), 2, "[mse_loss] ");
  expect_error(call("expand", "one", "--attrs '{\"size\":[4611686018427387904,2]}'"), 2,
               "[expand] ");
  expect_error(call("argmax", "one", "--grad"), 2, "[argmax] has no gradient");
}

TEST_F(OpCommand, show_names_attributes_and_defaults) {
  const Outcome outcome = run("op show softplus");
  EXPECT_EQ(outcome.code, 0);
  for (std::string_view part : {"softplus(input, *, beta=1, threshold=20)", "gradient: yes",
                                "output 'output' may take the memory of input 'input'",
                                "cpu variant: ", "sample: softplus(f32 (", "benchmark: softplus("})
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part << "\n" << outcome.out;
}

TEST_F(OpCommand, run_writes_outputs_and_gradients_by_position) {
  save_safetensors(path("in"), {{"0", values({2}, {3, 5})}, {"1", values({}, {2})}});
  ASSERT_EQ(
      run(fmt::format("op run mul --inputs {} --output {} --grad", path("in"), path("out"))).code,
      0);
  const NamedTensors results = load_safetensors(path("out")).tensors;
  EXPECT_EQ(results.at("0").to_doubles(), (std::vector<double>{6, 10}));
  EXPECT_EQ(results.at("grad.0").to_doubles(), (std::vector<double>{2, 2}));
  EXPECT_EQ(results.at("grad.1").to_doubles(), (std::vector<double>{8}));
}

TEST_F(OpCommand, run_takes_the_gradient_of_the_output) {
  save_safetensors(path("in"),
                   {{"0", values({2}, {3, 5})}, {"grad_output.0", values({2}, {1, 10})}});
  ASSERT_EQ(
      run(fmt::format("op run square --inputs {} --output {} --grad", path("in"), path("out")))
          .code,
      0);
  EXPECT_EQ(load_safetensors(path("out")).tensors.at("grad.0").to_doubles(),
            (std::vector<double>{6, 100}));
}

TEST_F(OpCommand, run_takes_inputs_one_after_another_for_lists) {
  save_safetensors(path("in"), {{"0", values({1}, {1})}, {"1", values({2}, {2, 3})}});
  ASSERT_EQ(run(fmt::format("op run cat --inputs {} --output {}", path("in"), path("out"))).code,
            0);
  EXPECT_EQ(load_safetensors(path("out")).tensors.at("0").to_doubles(),
            (std::vector<double>{1, 2, 3}));
}

TEST_F(OpCommand, run_depends_on_the_seed_alone) {
  const auto draw = [&](int seed, int threads) {
    EXPECT_EQ(run(fmt::format("op run rand --attrs '{{\"size\": 100}}' --output {} --seed {} "
                              "--threads {}",
                              path("out"), seed, threads))
                  .code,
              0);
    return load_safetensors(path("out")).tensors.at("0").to_doubles();
  };
  EXPECT_EQ(draw(1, 1), draw(1, 2));
  EXPECT_NE(draw(1, 1), draw(2, 1));
}

TEST_F(OpCommand, wrong_requests_are_errors_with_a_code) {
  save_safetensors(path("in"), {{"0", values({2}, {3, 5})}});
  save_safetensors(path("odd"), {{"x", values({2}, {3, 5})}});
  save_safetensors(path("far"), {{"0", values({1}, {1})}, {"99999999999999", values({1}, {1})}});
  save_safetensors(path("seed"), {{"0", values({2}, {1, 2})}, {"grad_output.7", values({1}, {1})}});
  std::ofstream(path("short")) << "abc";
  const std::string to = " --output " + path("out");
  const auto from = [&](std::string_view name) { return " --inputs " + path(name) + to; };
  expect_error("op rnu", 2, "unknown command 'rnu'");
  expect_error("op chek relu", 2, "did you mean 'check'?");
  expect_error("op run", 2, "NAME");
  expect_error("op run sofmax" + from("in"), 3, "did you mean 'softmax'?");
  expect_error("op run relu" + from("absent"), 3, "absent] cannot open the file");
  expect_error("op run relu" + from("short"), 4, "too few for a safetensors file");
  expect_error("op run relu" + from("odd"), 2, "tensor 'x' is no input");
  expect_error("op run relu" + from("far"), 2, "is no input");
  expect_error("op run relu --grad" + from("seed"), 2, "belongs to no floating output");
  expect_error("op run relu" + to, 2, "[relu] input 0 ('input') is missing");
  expect_error("op run cumsum" + from("in"), 2, "attribute 'dim' (int) is required");
  expect_error("op run softmax --attrs '{\"dmi\": 0}'" + from("in"), 2, "unknown attribute 'dmi'");
  expect_error("op run softmax --attrs '{\"dim\": \"a\"}'" + from("in"), 2, "expected int");
  expect_error("op run softmax --attrs '{\"dim\": 7}'" + from("in"), 2, "[softmax] dim");
  expect_error("op run softmax --attrs '{\"dim\": 0, \"dim\": 1}'" + from("in"), 2, "given twice");
  expect_error("op run softmax --attrs '{\"dim\": 0'" + from("in"), 2, "expected a JSON object");
  expect_error("op run softmax --attrs '{\"dim\": 9223372036854775808}'" + from("in"), 2, "dim");
  expect_error("op run floor --grad" + from("in"), 2, "piecewise constant");
  expect_error("op run relu --device cpu:9" + from("in"), 2, "cpu:9");
  expect_error("op run relu --threads -1" + from("in"), 2, "--threads");
  expect_error("op run relu --inputs " + path("in") + " --output /nowhere/out", 5, "/nowhere/out");
  EXPECT_FALSE(fs::exists(path("out")));
}

// Without running statistics the op leaves its extra outputs away; the first still has a gradient.
TEST_F(OpCommand, run_takes_ones_where_no_gradient_is_given) {
  save_safetensors(path("in"),
                   {{"0", values({1, 2, 3}, {1, 2, 4, 3, 5, 9})}, {"4", values({2}, {0, 0})}});
  ASSERT_EQ(run(fmt::format("op run instance_norm --grad --inputs {} --output {}", path("in"),
                            path("out")))
                .code,
            0);
  EXPECT_EQ(load_safetensors(path("out")).tensors.at("grad.4").data_as<float>()[0], 3);
}

TEST_F(OpCommand, run_finds_what_only_data_tells) {
  save_safetensors(path("in"), {{"0", values({3}, {0, 4, 1}).cast(DType::i64)}});
  const std::string to = fmt::format(" --inputs {} --output {}", path("in"), path("out"));
  ASSERT_EQ(run("op run one_hot" + to).code, 0);
  EXPECT_EQ(load_safetensors(path("out")).tensors.at("0").shape(), Shape({3, 5}));
  save_safetensors(path("in"), {{"0", Tensor::zeros(DType::f64, {1, 4, 6})}});
  ASSERT_EQ(run("op run adaptive_avg_pool2d --attrs '{\"output_size\": [null, 3]}'" + to).code, 0);
  EXPECT_EQ(load_safetensors(path("out")).tensors.at("0").shape(), Shape({1, 4, 3}));
}

// Through a link, so that a failure could not replace the device.
TEST_F(OpCommand, a_device_is_written_to_and_not_replaced) {
  save_safetensors(path("in"), {{"0", values({2}, {3, 5})}});
  fs::create_symlink("/dev/full", path("full"));
  expect_error("op run relu --inputs " + path("in") + " --output " + path("full"), 5, "No space");
  EXPECT_TRUE(fs::is_symlink(path("full")));
}

TEST_F(OpCommand, check_reports_and_succeeds) {
  const Outcome outcome = run("op check relu");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("1 op(s) checked, 0 problem(s)"), std::string::npos) << outcome.out;
  expect_error("op check", 2, "expected op names or --all");
}

TEST_F(OpCommand, bench_is_one_json_value) {
  const Outcome outcome = run("op bench neg --json --seconds 0.001 --threads 1");
  ASSERT_EQ(outcome.code, 0);
  const auto report = nlohmann::json::parse(outcome.out);
  ASSERT_FALSE(report.at("ops").empty());
  EXPECT_GT(report["ops"][0].at("median_s").get<double>(), 0);
}

TEST_F(OpCommand, bench_counts_the_work_of_a_composite) {
  const Outcome outcome = run("op bench mm conv2d mse_loss --json --seconds 0.001 --threads 1");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto report = nlohmann::json::parse(outcome.out);
  ASSERT_GE(report.at("ops").size(), 3u);
  for (const auto& row : report["ops"])
    for (std::string_view key : {"gflops", "gb_s", "share"})
      EXPECT_GT(row.at(key).get<double>(), 0) << row.dump();
}

TEST_F(OpCommand, a_variant_is_run_and_measured_by_name) {
  const auto variant_of = [&](const std::string& option) {
    const Outcome outcome = run("op bench softmax --json --seconds 0.001 --threads 1" + option);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out)["ops"][0].at("variant").get<std::string>();
  };
  EXPECT_EQ(variant_of(" --variant reference"), "reference");
  save_safetensors(path("in"), {{"0", values({2}, {-3, 5})}});
  const std::string files = fmt::format(" --inputs {} --output {}", path("in"), path("out"));
  ASSERT_EQ(run("op run relu --variant reference" + files).code, 0);
  EXPECT_EQ(load_safetensors(path("out")).tensors.at("0").to_doubles(),
            (std::vector<double>{0, 5}));
  expect_error("op run relu --variant refrence" + files, 3, "did you mean 'reference'?");
  expect_error("op bench softmax --variant packed", 3, "[softmax] no kernel variant 'packed'");
  expect_error("op check --all --variant zzzzzzzzz", 3, "no op has a kernel variant");
}

TEST_F(OpCommand, run_many_keeps_going_after_an_error) {
  save_safetensors(path("in"), {{"a/0", values({1}, {-2})}, {"b/0", values({1}, {-3})}},
                   {{"cases", R"([{"name":"a","op":"abs","attrs":{}},
                                  {"name":"x","op":"nothing_such","attrs":{}},
                                  {"name":"b","op":"abs","attrs":{},"grad":true}])"}});
  ASSERT_EQ(run(fmt::format("op run-many --inputs {} --output {}", path("in"), path("out"))).code,
            0);
  const Safetensors results = load_safetensors(path("out"));
  EXPECT_EQ(results.tensors.at("a/0").item(), 2);
  EXPECT_EQ(results.tensors.at("b/grad.0").item(), -1);
  EXPECT_NE(results.metadata.at("errors").find("unknown op"), std::string::npos);
}

}  // namespace
}  // namespace gradus
