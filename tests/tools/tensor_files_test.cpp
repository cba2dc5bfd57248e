// SPDX-License-Identifier: Apache-2.0
// `gradus ls`, `gradus cp` and `gradus selftest`, as a user calls them.
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "engine/io/tensors_hash.h"
#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::Outcome;
using testing::run;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class TensorFilesTest : public ::testing::Test {
 protected:
  TensorFilesTest() {
    tensors_["fc1.weight"] =
        Tensor::from<float>(DType::f32, {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 1e-8f});
    tensors_["fc1.bias"] = Tensor::from<float>(DType::f32, {2}, std::vector<float>{-1, 1e6});
    tensors_["count"] = Tensor::from<int64_t>(DType::i64, {}, std::vector<int64_t>{7});
    save_safetensors(plain_, tensors_, {{"note", "hello"}});
    save_hashed_safetensors(hashed_, tensors_);
  }

  std::string write(const std::string& name, const std::string& text) {
    return folder_.write(name, {text.begin(), text.end()});
  }
  Json listed(const std::string& path) {
    const Outcome outcome = run("ls " + path + " --json", "2>/dev/null");
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return Json::parse(outcome.output);
  }
  std::string trained() {
    std::string table = "a,b\n";
    for (int i = 0; i < 40; ++i)
      table += std::to_string(i % 7) + "," + (i % 7 > 3 ? "x" : "y") + "\n";
    const std::string run_folder = folder_.file("run");
    EXPECT_EQ(run("train " +
                  write("r.toml",
                        "steps = 4\nbatch = 8\ncheckpoint.every = 2\n"
                        "[model]\nhidden = [4]\n[data]\nformat = \"csv\"\npath = \"" +
                            write("t.csv", table) + "\"\nvalidation = 0.2\n") +
                  " run=" + run_folder)
                  .code,
              0);
    return run_folder;
  }

  TemporaryFolder folder_;
  NamedTensors tensors_;
  std::string plain_ = folder_.file("plain.safetensors"),
              hashed_ = folder_.file("hashed.safetensors");
  std::string copy_ = folder_.file("copy.safetensors");
};

TEST_F(TensorFilesTest, ListsAFolderOfTokenShards) {
  write("train.txt", "some text of 24 tokens..");
  write("val.txt", "more");
  const std::string shards = folder_.file("shards");
  EXPECT_EQ(run("data tokenize " + folder_.path() + " --shard 16 --output " + shards).code, 0);
  const Json list = listed(shards);
  EXPECT_EQ(list["kind"], "token_folder");
  EXPECT_EQ(list["bytes"], 3 * 1024 + 2 * 28);
  ASSERT_EQ(list["tensors"].size(), 3u);
  EXPECT_EQ(list["tensors"][0]["name"], "train_000000");
  EXPECT_EQ(list["tensors"][0]["shape"], Json({16}));
  EXPECT_EQ(list["tensors"][1]["shape"], Json({8}));
  EXPECT_EQ(list["tensors"][2]["name"], "val_000000");
  EXPECT_EQ(run("cp " + shards + " " + copy_).code, 0);
  EXPECT_EQ(listed(copy_)["tensors"].size(), 3u);
  std::ofstream(shards + "/val_000000.bin") << "short";
  EXPECT_EQ(run("ls " + shards).code, 4);
  fs::create_directory(folder_.file("empty"));
  const Outcome empty = run("ls " + folder_.file("empty"));
  EXPECT_EQ(empty.code, 4);
  EXPECT_NE(empty.output.find("nor token shards"), std::string::npos) << empty.output;
}

TEST_F(TensorFilesTest, ListsNamesShapesAndMetadata) {
  const Json list = listed(plain_);
  EXPECT_EQ(list["kind"], "safetensors");
  EXPECT_EQ(list["metadata"]["note"], "hello");
  EXPECT_EQ(list["hashed"], false);
  ASSERT_EQ(list["tensors"].size(), 3u);
  EXPECT_EQ(list["tensors"][0]["shape"], Json::array());
  EXPECT_EQ(list["tensors"][2],
            (Json{{"name", "fc1.weight"}, {"dtype", "f32"}, {"shape", {2, 3}}, {"bytes", 24}}));
  EXPECT_NE(run("ls " + plain_).output.find("3 tensors, 9 numbers"), std::string::npos);
  EXPECT_EQ(listed(hashed_)["hashed"], true);
  EXPECT_EQ(run("ls " + hashed_ + " --verify").code, 0);
}

TEST_F(TensorFilesTest, DamageIsSeen) {
  std::string bytes = read_file(hashed_);
  bytes[bytes.size() - 9] ^= 4;
  const std::string damaged = write("damaged.safetensors", bytes);
  EXPECT_EQ(run("ls " + damaged).code, 0);  // only the header is looked at
  EXPECT_EQ(run("ls " + damaged + " --verify").code, 4);
  EXPECT_EQ(run("cp " + damaged + " " + copy_).code, 4);
  EXPECT_FALSE(fs::exists(copy_));
  EXPECT_EQ(run("ls " + write("text.md", "# hello, world")).code, 4);
  EXPECT_EQ(run("ls " + write("empty.safetensors", "")).code, 4);
  EXPECT_EQ(run("ls " + folder_.path()).code, 4);
  EXPECT_EQ(run("ls " + folder_.file("none")).code, 3);
  EXPECT_EQ(run("ls /dev/zero").code, 4);
}

// Every bit of names, shapes and numbers counts.
TEST_F(TensorFilesTest, TheHashSeesEveryBitOfTheData) {
  const Safetensors whole = load_safetensors(hashed_);
  EXPECT_TRUE(check_tensors_hash(whole, hashed_, true));
  for (auto& [name, tensor] : load_safetensors(hashed_).tensors)
    for (int64_t bit = 0; bit < tensor.bytes() * 8; ++bit) {
      Safetensors changed = load_safetensors(hashed_);
      static_cast<uint8_t*>(changed.tensors[name].data())[bit / 8] ^=
          static_cast<uint8_t>(1 << (bit % 8));
      EXPECT_THROW(check_tensors_hash(changed, hashed_, true), Error) << name << " bit " << bit;
    }
  Safetensors renamed = load_safetensors(hashed_);
  renamed.tensors["fc1.biaz"] = renamed.tensors["fc1.bias"];
  renamed.tensors.erase("fc1.bias");
  EXPECT_THROW(check_tensors_hash(renamed, hashed_, true), Error);
  Safetensors reshaped = load_safetensors(hashed_);
  reshaped.tensors["fc1.weight"] = reshaped.tensors["fc1.weight"].reshape({3, 2});
  EXPECT_THROW(check_tensors_hash(reshaped, hashed_, true), Error);
  EXPECT_THROW(check_tensors_hash(load_safetensors(plain_), plain_, true), Error);
  EXPECT_FALSE(check_tensors_hash(load_safetensors(plain_), plain_, false));
}

TEST_F(TensorFilesTest, CopiesAllOrSome) {
  EXPECT_EQ(run("cp " + plain_ + " " + copy_).code, 0);
  const Safetensors all = load_safetensors(copy_);
  EXPECT_EQ(all.tensors.size(), 3u);
  EXPECT_EQ(all.metadata.at("note"), "hello");
  EXPECT_TRUE(check_tensors_hash(all, copy_, true));
  EXPECT_EQ(run("cp " + hashed_ + " " + copy_).code, 2);  // it exists
  EXPECT_EQ(run("cp " + hashed_ + " " + copy_ +
                " --force --select 'fc1.*' --rename fc1.=head. --dtype f64")
                .code,
            0);
  const Safetensors some = load_safetensors(copy_);
  ASSERT_EQ(some.tensors.size(), 2u);
  EXPECT_EQ(some.tensors.at("head.weight").dtype(), DType::f64);
  EXPECT_EQ(some.tensors.at("head.weight").to_doubles()[1], 2);
  // 1e6 is more than an f16 can hold.
  EXPECT_EQ(run("cp " + plain_ + " " + copy_ + " --force --dtype f16").code, 2);
}

TEST_F(TensorFilesTest, WrongCallsChangeNothing) {
  write("copy.safetensors", "precious");
  for (const std::string& call :
       {plain_ + " " + copy_, plain_ + " " + folder_.file("copy.bin"),
        plain_ + " " + copy_ + " --force --dtype i8", plain_ + " " + copy_ + " --force --dtype f65",
        plain_ + " " + copy_ + " --force --rename fc1",
        plain_ + " " + copy_ + " --force --select 'fc1.*' --rename fc1.weight=fc1.bias"})
    EXPECT_EQ(run("cp " + call).code, 2) << call;
  EXPECT_EQ(run("cp " + plain_ + " " + copy_ + " --force --select nothing").code, 3);
  EXPECT_EQ(run("cp " + plain_ + " " + copy_ + " --force --rename nothing=fc").code, 3);
  EXPECT_EQ(run("cp " + folder_.file("none") + " " + copy_ + " --force").code, 3);
  EXPECT_EQ(run("cp " + plain_ + " /nowhere/x.safetensors").code, 5);
  EXPECT_EQ(read_file(copy_), "precious");
  // Onto itself, in one piece.
  EXPECT_EQ(run("cp " + plain_ + " " + plain_ + " --force").code, 0);
  EXPECT_EQ(load_safetensors(plain_).tensors.size(), 3u);
}

TEST_F(TensorFilesTest, RunsAndCheckpoints) {
  const std::string run_folder = trained();
  const Json list = listed(run_folder);
  EXPECT_EQ(list["kind"], "run");
  EXPECT_EQ(list["finished"], true);
  EXPECT_EQ(list["hashed"], true);
  EXPECT_EQ(list["tensors"].size(), 4u);
  const std::string checkpoint = run_folder + "/checkpoints/step-00000002";
  const Json states = listed(checkpoint);
  EXPECT_EQ(states["kind"], "checkpoint");
  EXPECT_GT(states["tensors"].size(), 4u);  // the optimizer's too
  EXPECT_EQ(run("ls " + checkpoint + " --verify").code, 0);
  EXPECT_EQ(run("cp " + checkpoint + " " + copy_ + " --select 'fc*'").code, 0);
  EXPECT_EQ(load_safetensors(copy_).tensors.size(), 4u);
  EXPECT_EQ(run("cp " + run_folder + " " + copy_ + " --force").code, 0);
  EXPECT_EQ(listed(copy_)["metadata"], list["metadata"]);  // the same tensors, the same hash
  std::ofstream(checkpoint + "/state.safetensors", std::ios::app) << "x";
  EXPECT_EQ(run("cp " + checkpoint + " " + copy_ + " --force").code, 4);
  // What eval reads is checked as well.
  std::string weights = read_file(run_folder + "/final.safetensors");
  weights[weights.size() - 2] ^= 1;
  write("run/final.safetensors", weights);
  EXPECT_EQ(run("eval " + run_folder).code, 4);
  fs::remove(run_folder + "/final.safetensors");
  EXPECT_EQ(listed(run_folder)["finished"], false);
  EXPECT_EQ(run("ls " + run_folder + " --verify").code, 2);
}

TEST_F(TensorFilesTest, TheSelftestPasses) {
  const Outcome outcome = run("selftest --json --folder " + folder_.path(), "2>/dev/null");
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  const Json verdicts = Json::parse(outcome.output);
  ASSERT_EQ(verdicts.size(), 3u);
  for (const Json& verdict : verdicts) EXPECT_EQ(verdict["passed"], true) << verdict;
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 2);  // nothing is left
  EXPECT_EQ(run("selftest --folder " + folder_.file("none")).code, 5);
}

}  // namespace
}  // namespace gradus
