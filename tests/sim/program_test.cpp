// SPDX-License-Identifier: Apache-2.0
// The program on the simulated device, as a user runs it.
#include <cmath>
#include <string>
#include <vector>

#include "engine/io/safetensors.h"
#include "tests/data/temporary_folder.h"
#include "tests/sim/sim_test.h"
#include "tests/support/program.h"

namespace gradus::sim_test {
namespace {

using gradus::testing::Outcome;
using gradus::testing::run;

class Program : public SimTest {
 protected:
  // Writes a (6, 40) matrix as input 0.
  void write_input() {
    const std::vector<float> values = numbers(240, -4, 4);
    save_safetensors(folder_.file("in"), {{"0", Tensor::from<float>(DType::f32, {6, 40}, values)}});
  }
  Tensor run_op(const std::string& op, const std::string& options) {
    const std::string out = folder_.file("out");
    const Outcome outcome =
        run("op run " + op + " --inputs " + folder_.file("in") + " --output " + out + options);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return outcome.code == 0 ? load_safetensors(out).tensors.at("0") : Tensor();
  }
  void expect_refused(const std::string& arguments, const std::string& part) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 8) << arguments << "\n" << outcome.output;
    EXPECT_NE(outcome.output.find(part), std::string::npos) << outcome.output;
  }
  std::string write_recipe() {
    std::string table = "a,b,kind\n";
    for (int i = 0; i < 60; ++i)
      table += std::to_string(i * 7 % 11) + "," + std::to_string(i * 5 % 13) + "," +
               (i * 7 % 11 + i * 5 % 13 > 11 ? "high" : "low") + "\n";
    folder_.write("table.csv", {table.begin(), table.end()});
    const std::string recipe =
        "steps = 6\nbatch = 10\nlr = 0.01\n[model]\nname = \"mlp\"\nhidden = [12]\n[data]\n"
        "format = \"csv\"\ntarget = \"kind\"\ntest = 0.2\npath = \"" +
        folder_.file("table.csv") + "\"\n";
    return folder_.write("r.toml", {recipe.begin(), recipe.end()});
  }

  TemporaryFolder folder_;
};

TEST_F(Program, RunsAnOp) {
  write_input();
  const Tensor here = run_op("softmax", " --attrs '{\"dim\":1}'");
  const Tensor there = run_op("softmax", " --attrs '{\"dim\":1}' --device cuda");
  ASSERT_TRUE(here && there);
  ASSERT_EQ(here.shape(), there.shape());
  for (int64_t i = 0; i < here.numel(); ++i)
    ASSERT_NEAR(there.data_as<const float>()[i], here.data_as<const float>()[i], 1e-6);
}

TEST_F(Program, RefusesWhatIsNotThere) {
  write_input();
  const std::string files = " --inputs " + folder_.file("in") + " --output " + folder_.file("out");
  expect_refused("op run softmax --device cuda:1" + files, "1 CUDA device, numbered from 0");
  expect_refused("op run softmax --device cuda:999" + files, "cuda:999");
  expect_refused("op run sort --attrs '{\"dim\":1}' --device cuda" + files,
                 "[sort] no kernel on cuda:0 for f32");
  expect_refused("train " + write_recipe() + " device=cuda:1 run=" + folder_.file("run"), "cuda:1");
}

TEST_F(Program, TellsWhichDeviceItTook) {
  const std::string recipe = write_recipe();
  const Outcome there = run("train " + recipe + " device=cuda run=" + folder_.file("there"));
  EXPECT_EQ(there.code, 0) << there.output;
  EXPECT_NE(there.output.find("on Gradus simulator (asked for)"), std::string::npos)
      << there.output;
  const Outcome here = run("train " + recipe + " run=" + folder_.file("here"));
  EXPECT_EQ(here.code, 0) << here.output;
  EXPECT_NE(here.output.find("on CPU (the simulated device is taken only where it is asked for)"),
            std::string::npos)
      << here.output;
  const Outcome doctor = run("doctor");
  EXPECT_NE(doctor.output.find("device=auto takes cpu"), std::string::npos) << doctor.output;
  EXPECT_NE(doctor.output.find("cuda:0"), std::string::npos) << doctor.output;
  EXPECT_NE(run("version --json").output.find("\"device\":\"cpu\""), std::string::npos);
}

TEST_F(Program, ScoresARunOfTheDevice) {
  const std::string folder = folder_.file("run");
  const Outcome trained = run("train " + write_recipe() + " device=cuda run=" + folder);
  ASSERT_EQ(trained.code, 0) << trained.output;
  const Outcome scored = run("eval " + folder + " --json", "2>/dev/null");
  EXPECT_EQ(scored.code, 0) << scored.output;
  EXPECT_NE(scored.output.find("\"loss\":"), std::string::npos) << scored.output;
}

}  // namespace
}  // namespace gradus::sim_test
