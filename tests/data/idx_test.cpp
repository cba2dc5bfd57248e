// SPDX-License-Identifier: Apache-2.0
#include "data/idx.h"

#include <zlib.h>

#include "data/file_bytes.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "tests/data/temporary_folder.h"

namespace gradus {
namespace {

void write_packed(const std::string& path, const std::vector<uint8_t>& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

ErrorKind kind_of(const std::string& path, const std::string& part_of_message = "") {
  try {
    read_idx(path);
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(part_of_message), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
    return error.kind();
  }
  ADD_FAILURE() << path << " was read";
  return ErrorKind::internal;
}

class IdxTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
};

TEST_F(IdxTest, ReadsBytes) {
  const Tensor tensor = read_idx(folder_.write("a", idx_bytes({2, 3}, {1, 2, 3, 4, 5, 255})));
  EXPECT_EQ(tensor.dtype(), DType::u8);
  EXPECT_EQ(tensor.shape(), (Shape{2, 3}));
  EXPECT_EQ(tensor.to_doubles(), (std::vector<double>{1, 2, 3, 4, 5, 255}));
}

TEST_F(IdxTest, ReadsBigEndianNumbers) {
  const Tensor i16 =
      read_idx(folder_.write("i16", {0, 0, 0x0B, 1, 0, 0, 0, 2, 0x01, 0x02, 0xFF, 0xFE}));
  EXPECT_EQ(i16.to_doubles(), (std::vector<double>{258, -2}));
  const Tensor f32 = read_idx(folder_.write("f32", {0, 0, 0x0D, 1, 0, 0, 0, 1, 0x3F, 0xC0, 0, 0}));
  EXPECT_EQ(f32.to_doubles(), (std::vector<double>{1.5}));
}

TEST_F(IdxTest, ReadsGzip) {
  const std::string path = folder_.file("a.gz");
  write_packed(path, idx_bytes({3}, {7, 8, 9}));
  EXPECT_EQ(read_idx(path).to_doubles(), (std::vector<double>{7, 8, 9}));
}

TEST_F(IdxTest, RefusesACutOrDamagedArchive) {
  const std::string path = folder_.file("a.gz");
  std::vector<uint8_t> elements(10000);
  for (size_t i = 0; i < elements.size(); ++i)
    elements[i] = static_cast<uint8_t>(philox_word({1, 2}, i));
  write_packed(path, idx_bytes({10000}, elements));
  std::ifstream stream(path, std::ios::binary);
  std::vector<uint8_t> archive{std::istreambuf_iterator<char>(stream), {}};
  for (int missing : {1, 4, 8, 100}) {  // up to 8: all elements are there, the end mark is not
    const std::vector<uint8_t> cut(archive.begin(), archive.end() - missing);
    EXPECT_EQ(kind_of(folder_.write("cut.gz", cut)), ErrorKind::bad_data) << missing;
  }
  archive[archive.size() / 2] ^= 0x10;
  EXPECT_EQ(kind_of(folder_.write("damaged.gz", archive)), ErrorKind::bad_data);
}

TEST_F(IdxTest, RefusesWhatIsNotIdx) {
  EXPECT_EQ(kind_of(folder_.write("empty", {})), ErrorKind::bad_data);
  EXPECT_EQ(kind_of(folder_.write("magic", {1, 0, 8, 1, 0, 0, 0, 0}), "zero bytes"),
            ErrorKind::bad_data);
  EXPECT_EQ(kind_of(folder_.write("type", {0, 0, 7, 1, 0, 0, 0, 0}), "type"), ErrorKind::bad_data);
  EXPECT_EQ(kind_of(folder_.write("rank", {0, 0, 8, 0}), "dims"), ErrorKind::bad_data);
  EXPECT_EQ(kind_of(folder_.write("ranks", {0, 0, 8, 9}), "dims"), ErrorKind::bad_data);
  EXPECT_EQ(kind_of(folder_.write("header", {0, 0, 8, 3, 0, 0, 0, 1}), "header"),
            ErrorKind::bad_data);
}

TEST_F(IdxTest, RefusesSizesThatDoNotMatchTheFile) {
  EXPECT_EQ(
      kind_of(folder_.write("short", idx_bytes({5}, {1, 2, 3, 4})), "expected 5 bytes, got 4"),
      ErrorKind::bad_data);
  EXPECT_EQ(kind_of(folder_.write("long", idx_bytes({5}, {1, 2, 3, 4, 5, 6}))),
            ErrorKind::bad_data);
  const uint32_t huge = 0xFFFFFFFF;
  EXPECT_EQ(kind_of(folder_.write("huge", idx_bytes({huge, huge, huge, huge}, {})), "overflow"),
            ErrorKind::bad_data);
}

TEST_F(IdxTest, NeverCrashesOnMutatedFiles) {
  const std::vector<uint8_t> valid = idx_bytes({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  for (uint64_t round = 0; round < 2000; ++round) {
    std::vector<uint8_t> bytes = valid;
    const uint32_t place = philox_word({3, 4}, 3 * round) % bytes.size();
    bytes[place] = static_cast<uint8_t>(philox_word({3, 4}, 3 * round + 1));
    bytes.resize(philox_word({3, 4}, 3 * round + 2) % (valid.size() + 1));
    const std::string path = folder_.write("mutated", bytes);
    try {
      EXPECT_LE(read_idx(path).bytes(), 8);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_data) << error.what();
    }
  }
}

TEST_F(IdxTest, AMissingFileNamesTheCommandThatMakesIt) {
  EXPECT_EQ(kind_of("data/cache/some_set/train", "scripts/data.sh some_set"), ErrorKind::not_found);
  EXPECT_EQ(kind_of(folder_.file("nothing"), "no such file"), ErrorKind::not_found);
  EXPECT_EQ(kind_of(folder_.path()), ErrorKind::bad_data);
}

TEST_F(IdxTest, ReadBytesStopsAtItsLimit) {
  const std::string path = folder_.write("big", std::vector<uint8_t>(100));
  EXPECT_EQ(read_bytes(path, 100).size(), 100u);
  EXPECT_THROW(read_bytes(path, 99), Error);
}

}  // namespace
}  // namespace gradus
