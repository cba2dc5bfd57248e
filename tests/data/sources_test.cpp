// SPDX-License-Identifier: Apache-2.0
#include "data/sources.h"

#include "data/token_shard.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "tests/data/temporary_folder.h"

namespace gradus {
namespace {

class SourcesTest : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    return folder_.write(name, {text.begin(), text.end()});
  }
  template <class Make>
  std::string refusal(Make&& make) const {
    try {
      make();
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }

  TemporaryFolder folder_;
};

std::vector<uint8_t> cifar_record(const std::vector<uint8_t>& labels, uint8_t value) {
  std::vector<uint8_t> record = labels;
  for (int i = 0; i < 3072; ++i) record.push_back(static_cast<uint8_t>(value + i / 1024));
  return record;
}

TEST_F(SourcesTest, CifarRecordsAreALabelAndThreePlanes) {
  for (int i = 1; i <= 5; ++i)
    folder_.write(fmt::format("data_batch_{}.bin", i),
                  cifar_record({static_cast<uint8_t>(i)}, static_cast<uint8_t>(50 * i)));
  const auto data = load_cifar({.path = folder_.path()}, Split::train);
  EXPECT_EQ(data->size(), 5);
  EXPECT_EQ(data->sample_shape(), (Shape{3, 32, 32}));
  Tensor inputs(DType::f64, {1, 3, 32, 32}), targets(DType::i64, {1});
  data->fill(std::vector<int64_t>{2}, 0, inputs, targets);
  EXPECT_EQ(targets.item(), 3);
  const std::vector<double> values = inputs.to_doubles();
  EXPECT_NEAR(values[0], 150.0 / 255, 1e-12);
  EXPECT_NEAR(values[1024], 151.0 / 255, 1e-12);
  EXPECT_NEAR(values[3071], 152.0 / 255, 1e-12);
  EXPECT_THROW(load_cifar({.path = folder_.path()}, Split::test), Error);
}

TEST_F(SourcesTest, Cifar100HasCoarseAndFineLabels) {
  folder_.write("train.bin", cifar_record({3, 77}, 0));
  const auto label = [&](int64_t classes) {
    Tensor inputs(DType::f32, {1, 3, 32, 32}), targets(DType::i64, {1});
    load_cifar({.path = folder_.path(), .classes = classes}, Split::train)
        ->fill(std::vector<int64_t>{0}, 0, inputs, targets);
    return targets.item();
  };
  EXPECT_EQ(label(100), 77);
  EXPECT_EQ(label(20), 3);
  EXPECT_THROW(label(50), Error);
}

TEST_F(SourcesTest, CifarNamesTheRecordThatIsWrong) {
  const auto message = [&](const std::vector<uint8_t>& bytes) {
    folder_.write("test_batch.bin", bytes);
    return refusal([&] { load_cifar({.path = folder_.path()}, Split::test); });
  };
  std::vector<uint8_t> two = cifar_record({1}, 0);
  const std::vector<uint8_t> bad = cifar_record({10}, 0);
  two.insert(two.end(), bad.begin(), bad.end());
  EXPECT_NE(message(two).find("label of record 1, expected 0 to 9, got 10"), std::string::npos);
  two.pop_back();
  EXPECT_NE(message(two).find("records of 3073 bytes, got 6145"), std::string::npos);
  EXPECT_NE(message({}).find("got 0 bytes"), std::string::npos);
}

TEST_F(SourcesTest, TokenShardsAreReadAsWritten) {
  for (const int32_t largest : {65535, 65536, 0x7FFFFFFF}) {
    std::vector<int32_t> tokens = {0, 1, largest};
    for (uint64_t i = 0; i < 100; ++i)
      tokens.push_back(
          static_cast<int32_t>(philox_word({1, 2}, i) % (static_cast<uint32_t>(largest) + 1u)));
    write_token_shard(folder_.file("t.bin"), tokens);
    EXPECT_EQ(read_token_shard(folder_.file("t.bin")), tokens);
    EXPECT_EQ(std::filesystem::file_size(folder_.file("t.bin")),
              1024 + tokens.size() * (largest < 65536 ? 2 : 4));
  }
  EXPECT_THROW(write_token_shard(folder_.file("t.bin"), std::vector<int32_t>{-1}), Error);
  EXPECT_THROW(write_token_shard(folder_.file("no/t.bin"), std::vector<int32_t>{1}), Error);
}

TEST_F(SourcesTest, DamagedShardsAreRefused) {
  write_token_shard(folder_.file("t.bin"), std::vector<int32_t>{1, 2, 3});
  std::ifstream stream(folder_.file("t.bin"), std::ios::binary);
  const std::vector<uint8_t> whole{std::istreambuf_iterator<char>(stream), {}};
  const auto message = [&](std::vector<uint8_t> bytes) {
    folder_.write("d.bin", bytes);
    return refusal([&] { read_token_shard(folder_.file("d.bin")); });
  };
  EXPECT_EQ(message(whole), "accepted");
  EXPECT_NE(message({whole.begin(), whole.end() - 1}).find("3 tokens of 2 bytes, but 5 bytes"),
            std::string::npos);
  EXPECT_NE(message({whole.begin(), whole.begin() + 100}).find("header of 1024"),
            std::string::npos);
  std::vector<uint8_t> bytes = whole;
  bytes[0] ^= 1;
  EXPECT_NE(message(bytes).find("not a token shard"), std::string::npos);
  bytes = whole;
  bytes[4] = 2;
  EXPECT_NE(message(bytes).find("version, expected 1, got 2"), std::string::npos);
  bytes = whole;
  bytes[11] = 0xFF;  // a negative count
  EXPECT_NE(message(bytes), "accepted");
}

TEST_F(SourcesTest, ShardsOfAPartAreJoinedInOrder) {
  write_token_shard(folder_.file("train_1.bin"), std::vector<int32_t>{4, 5, 6});
  write_token_shard(folder_.file("train_0.bin"), std::vector<int32_t>{1, 2, 3});
  write_token_shard(folder_.file("val_0.bin"), std::vector<int32_t>{7, 8, 9});
  const TextFolder folder = {.path = folder_.path(), .length = 5};
  Tensor inputs(DType::i64, {1, 5}), targets(DType::i64, {1, 5});
  load_tokens(folder, 10, Split::train)->fill(std::vector<int64_t>{0}, 0, inputs, targets);
  EXPECT_EQ(targets.to_doubles(), (std::vector<double>{2, 3, 4, 5, 6}));
  EXPECT_EQ(load_tokens({.path = folder_.path(), .length = 2}, 10, Split::test)->size(), 1);
  EXPECT_NE(refusal([&] { load_tokens(folder, 6, Split::train); }).find("train_1.bin] token 2"),
            std::string::npos);
  EXPECT_THROW(load_tokens({.path = folder_.file("none")}, 10, Split::train), Error);
}

TEST_F(SourcesTest, JsonlTextsFollowEachOther) {
  write("train.jsonl", "{\"text\": \"ab\", \"n\": 1}\n\n{\"text\": \"\\u00e9\"}\r\n");
  const auto data = load_jsonl({.path = folder_.path(), .length = 5}, "text", Split::train);
  Tensor inputs(DType::i64, {1, 5}), targets(DType::i64, {1, 5});
  data->fill(std::vector<int64_t>{0}, 0, inputs, targets);
  EXPECT_EQ(inputs.to_doubles(), (std::vector<double>{'a', 'b', '\n', 0xC3, 0xA9}));
}

TEST_F(SourcesTest, JsonlNamesTheLineThatIsWrong) {
  const auto message = [&](const std::string& text) {
    write("train.jsonl", text);
    return refusal(
        [&] { load_jsonl({.path = folder_.path(), .length = 1}, "text", Split::train); });
  };
  EXPECT_NE(message("{\"text\":\"a\"}\n{\"text\":\n").find("train.jsonl:2] expected a JSON object"),
            std::string::npos);
  EXPECT_NE(message("[1]\n").find(":1] expected a JSON object"), std::string::npos);
  EXPECT_NE(message("{\"text\":1}\n").find("member 'text'"), std::string::npos);
  EXPECT_NE(message("{\"body\":\"a\"}\n").find("member 'text'"), std::string::npos);
  EXPECT_NE(message("{\"text\":\"\xFF\"}\n").find("not UTF-8"), std::string::npos);
  EXPECT_NE(message(std::string(1000000, '[')), "accepted");  // no depth breaks the stack
}

}  // namespace
}  // namespace gradus
