// SPDX-License-Identifier: Apache-2.0
#include "engine/io/sealed_folder.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <sys/resource.h>

#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "engine/io/content_hash.h"
#include "tests/data/temporary_folder.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

std::string contents(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void replace(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// A manifest whose own hash is right, whatever else it says.
std::string sealed(std::string line) {
  line += ",\n";
  return line + "\"xxh3_128\":\"" + content_hash(line) + "\"}\n";
}

class SealedFolderTest : public testing::Test {
 protected:
  SealedFolderTest() {
    for (uint32_t i = 0; i < 5000; ++i) large_ += static_cast<char>(philox_word({1, 2}, i));
    write_sealed_folder(path_, files());
  }

  std::vector<FileContents> files() const {
    return {{"large", {std::string_view(large_).substr(0, 7), std::string_view(large_).substr(7)}},
            {"small.json", {"{\"step\": 12}\n"}},
            {"empty", {}}};
  }

  void check() const { check_sealed_folder(path_, {{"large", "small.json", "empty"}}); }

  ErrorKind refusal(const std::string& part = "") const {
    try {
      check();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
      return error.kind();
    }
    ADD_FAILURE() << "no error";
    return ErrorKind::internal;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("step-1");
  std::string large_;
};

TEST_F(SealedFolderTest, HoldsWhatWasWritten) {
  check();
  EXPECT_EQ(contents(path_ + "/large"), large_);
  EXPECT_EQ(contents(path_ + "/small.json"), "{\"step\": 12}\n");
  EXPECT_EQ(contents(path_ + "/empty"), "");
  EXPECT_FALSE(fs::exists(folder_.file("tmp-step-1")));
}

// xxHash's specification: XXH3-128 of nothing with seed 0.
TEST(ContentHash, IsXxh3Of128Bits) {
  EXPECT_EQ(content_hash(""), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(content_hash("ab").size(), 32u);
  ContentHash pieces;
  pieces.add("gra");
  pieces.add("");
  pieces.add("dus");
  EXPECT_EQ(pieces.hex(), content_hash("gradus"));
}

TEST_F(SealedFolderTest, EachOfTenThousandFlippedBitsIsFound) {
  const char* names[] = {"large", "small.json", "manifest.json"};
  std::string bytes[3];
  for (int i = 0; i < 3; ++i) bytes[i] = contents(path_ + "/" + names[i]);
  int found = 0;
  for (uint32_t i = 0; i < 10000; ++i) {
    const uint32_t which = philox_word({3, 4}, 2 * i) % 3;
    const uint64_t bit = philox_word({3, 4}, 2 * i + 1) % (bytes[which].size() * 8);
    std::string damaged = bytes[which];
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    replace(path_ + "/" + names[which], damaged);
    try {
      check();
    } catch (const Error& error) {
      found += error.kind() == ErrorKind::bad_data;
    }
    replace(path_ + "/" + names[which], bytes[which]);
  }
  EXPECT_EQ(found, 10000);
  check();
}

TEST_F(SealedFolderTest, ATruncatedFileIsFound) {
  for (const char* name : {"small.json", "manifest.json"}) {
    const std::string whole = contents(path_ + "/" + name);
    for (size_t length = 0; length < whole.size(); ++length) {
      replace(path_ + "/" + name, whole.substr(0, length));
      EXPECT_EQ(refusal(name), ErrorKind::bad_data) << name << " " << length;
    }
    replace(path_ + "/" + name, whole + "\n");
    EXPECT_EQ(refusal(name), ErrorKind::bad_data);
    replace(path_ + "/" + name, whole);
  }
  check();
}

TEST_F(SealedFolderTest, WhatIsMissingIsNamed) {
  EXPECT_THROW(check_sealed_folder(path_, {{"large", "other"}}), Error);
  fs::remove(path_ + "/small.json");
  EXPECT_EQ(refusal("small.json"), ErrorKind::not_found);
  fs::create_directory(path_ + "/small.json");
  EXPECT_EQ(refusal("small.json"), ErrorKind::bad_data);
  fs::remove(path_ + "/manifest.json");
  EXPECT_EQ(refusal("manifest.json"), ErrorKind::not_found);
  fs::remove_all(path_);
  EXPECT_EQ(refusal("no such folder"), ErrorKind::not_found);
}

TEST_F(SealedFolderTest, ARenamedFolderIsNotTaken) {
  fs::rename(path_, folder_.file("step-2"));
  EXPECT_THROW(check_sealed_folder(folder_.file("step-2"), {}), Error);
}

TEST_F(SealedFolderTest, HostileManifestsAreRefused) {
  const std::string start = R"({"format":"gradus sealed folder","version":1,"name":"step-1",)";
  const std::string hash(32, '0');
  const auto entry = [&](const std::string& name, const std::string& bytes) {
    return start + R"("files":[{"name":")" + name + R"(","bytes":)" + bytes + R"(,"xxh3_128":")" +
           hash + R"("}])";
  };
  for (const std::string& line :
       {std::string("{"), std::string("[1"), std::string("{\"format\":1"), start + "\"files\":7",
        start + "\"files\":[7]", entry("../large", "5000"), entry("/etc/passwd", "1"),
        entry("..", "0"), entry("", "0"), entry("large", "-1"), entry("large", "\"5000\""),
        entry("large", "99999999999999999999"), entry("large", "9223372036854775807"),
        std::string(R"({"format":"other","version":1,"name":"step-1","files":[])")}) {
    replace(path_ + "/manifest.json", sealed(line));
    EXPECT_EQ(refusal(), ErrorKind::bad_data) << line;
  }
  replace(path_ + "/manifest.json",
          sealed(R"({"format":"gradus sealed folder","version":2,"parts":[])"));
  EXPECT_EQ(refusal("version 2"), ErrorKind::unsupported);
  replace(path_ + "/manifest.json", std::string(2 << 20, ' '));
  EXPECT_EQ(refusal("too many"), ErrorKind::bad_data);
}

TEST_F(SealedFolderTest, AFolderIsNeverReplaced) {
  EXPECT_THROW(write_sealed_folder(path_, files()), Error);
  check();
}

TEST_F(SealedFolderTest, WhatAnotherProcessLeftIsReplacedAndCleaned) {
  for (const char* name : {"tmp-step-2", "tmp-step-9", "drop-step-0"}) {
    fs::create_directories(folder_.file(name));
    replace(folder_.file(name) + "/large", "half");
  }
  write_sealed_folder(folder_.file("step-2"), files());
  check_sealed_folder(folder_.file("step-2"), {});
  EXPECT_FALSE(fs::exists(folder_.file("tmp-step-2")));
  clean_sealed_folders(folder_.path());
  EXPECT_FALSE(fs::exists(folder_.file("tmp-step-9")));
  EXPECT_FALSE(fs::exists(folder_.file("drop-step-0")));
  check();
  drop_sealed_folder(path_);
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_FALSE(fs::exists(folder_.file("drop-step-1")));
}

// A limit on file sizes refuses writes as a full disk does.
TEST_F(SealedFolderTest, ARefusedWriteLeavesNothing) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 3000;
  setrlimit(RLIMIT_FSIZE, &limit);
  try {
    write_sealed_folder(folder_.file("step-2"), files());
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_NE(std::string(error.what()).find("tmp-step-2/large"), std::string::npos)
        << error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_FALSE(fs::exists(folder_.file("step-2")));
  EXPECT_FALSE(fs::exists(folder_.file("tmp-step-2")));
  check();
}

}  // namespace
}  // namespace gradus
