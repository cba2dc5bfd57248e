// SPDX-License-Identifier: Apache-2.0
#include "engine/io/safetensors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/base/philox.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

std::string file_bytes(std::string_view header, std::string_view data = "") {
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + std::string(header) + std::string(data);
}

std::string entry(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return fmt::format(R"({{"dtype":"{}","shape":{},"data_offsets":{}}})", dtype, shape, offsets);
}

std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return fmt::format(R"({{"a":{}}})", entry(dtype, shape, offsets));
}

const std::string four(4, '\1');

struct Bad {
  std::string name;
  std::string bytes;
  std::string message;  // a part of it
};

// What GoogleTest prints of a case.
std::ostream& operator<<(std::ostream& stream, const Bad& bad) { return stream << bad.message; }

std::vector<Bad> bad_files() {
  std::string huge(8, '\xff');
  return {
      {"empty", "", "0 bytes are too few"},
      {"too_short", "1234567", "7 bytes are too few"},
      {"header_above_limit", huge + "{}", "above the limit"},
      {"header_beyond_file", std::string("\x40\0\0\0\0\0\0\0", 8) + "{}", "only 2 follow"},
      {"header_not_utf8", file_bytes("{\"\xc3\x28\":1}"), "not valid UTF-8"},
      {"header_overlong_utf8", file_bytes("{\"\xc0\xaf\":1}"), "not valid UTF-8"},
      {"header_surrogate", file_bytes("{\"\xed\xa0\x80\":1}"), "not valid UTF-8"},
      {"header_empty", file_bytes(""), "does not begin with '{'"},
      {"header_starts_with_space", file_bytes(" {}"), "does not begin with '{'"},
      {"header_is_list", file_bytes("[]"), "does not begin with '{'"},
      {"header_cut", file_bytes("{\"a\":"), "not valid JSON"},
      {"header_two_values", file_bytes("{}{}"), "not valid JSON"},
      {"header_trailing_zero", file_bytes(std::string("{}\0", 3)), "not valid JSON"},
      {"duplicate_tensor",
       file_bytes(fmt::format(R"({{"a":{0},"a":{0}}})", entry("U8", "[4]", "[0,4]")), four),
       "'a' occurs twice"},
      {"duplicate_field",
       file_bytes(R"({"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}})", four),
       "'dtype' occurs twice"},
      {"duplicate_metadata", file_bytes(R"({"__metadata__":{"k":"1","k":"2"}})"),
       "'k' occurs twice"},
      {"two_metadata", file_bytes(R"({"__metadata__":{},"__metadata__":{}})"), "occurs twice"},
      {"metadata_number", file_bytes(R"({"__metadata__":{"k":1}})"), "expected a string"},
      {"metadata_nested", file_bytes(R"({"__metadata__":{"k":{}}})"), "expected a string"},
      {"metadata_list", file_bytes(R"({"__metadata__":[]})"), "expected an object"},
      {"entry_is_number", file_bytes(R"({"a":1})"), "expected an object, got a number"},
      {"entry_is_null", file_bytes(R"({"a":null})"), "expected an object, got null"},
      {"field_missing", file_bytes(R"({"a":{"dtype":"U8","shape":[4]}})", four),
       "expected the fields dtype, shape and data_offsets"},
      {"field_unknown",
       file_bytes(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":1}})", four),
       "unknown field 'x'"},
      {"dtype_not_text", file_bytes(R"({"a":{"dtype":8,"shape":[4],"data_offsets":[0,4]}})", four),
       "field 'dtype', expected a string"},
      {"dtype_unknown", file_bytes(one("F31", "[1]", "[0,4]"), four), "unknown dtype 'F31'"},
      {"dtype_lower_case", file_bytes(one("f32", "[1]", "[0,4]"), four), "unknown dtype 'f32'"},
      {"shape_negative", file_bytes(one("U8", "[-4]", "[0,4]"), four),
       "expected integers of at least 0, got a negative number"},
      {"shape_fraction", file_bytes(one("U8", "[4.0]", "[0,4]"), four),
       "got a number that is not an integer"},
      {"shape_text", file_bytes(one("U8", "[\"4\"]", "[0,4]"), four), "got a string"},
      {"shape_nested", file_bytes(one("U8", "[[4]]", "[0,4]"), four), "got a list"},
      {"shape_not_list", file_bytes(one("U8", "4", "[0,4]"), four), "expected a list of integers"},
      {"shape_above_63_bits", file_bytes(one("U8", "[9223372036854775808]", "[0,4]"), four),
       "too large"},
      {"shape_overflows", file_bytes(one("F32", "[4294967296,4294967296]", "[0,4]"), four),
       "overflows 63 bits"},
      {"shape_overflows_without_elements",
       file_bytes(one("F32", "[4294967296,4294967296,0]", "[0,0]")), "overflows 63 bits"},
      {"offsets_one", file_bytes(one("U8", "[4]", "[0]"), four), "expected [begin, end]"},
      {"offsets_three", file_bytes(one("U8", "[4]", "[0,4,8]"), four), "expected [begin, end]"},
      {"offsets_backwards", file_bytes(one("U8", "[4]", "[4,0]"), four), "run backwards"},
      {"length_differs", file_bytes(one("F32", "[2]", "[0,4]"), four), "takes 8 bytes, not 4"},
      {"half_a_byte", file_bytes(one("F4", "[3]", "[0,1]"), "\1"), "do not end at a byte"},
      {"beyond_the_data", file_bytes(one("U8", "[8]", "[0,8]"), four), "is the file truncated?"},
      {"overlap",
       file_bytes(fmt::format(R"({{"a":{},"b":{}}})", entry("U8", "[3]", "[0,3]"),
                              entry("U8", "[2]", "[2,4]")),
                  four),
       "inside another"},
      {"hole",
       file_bytes(fmt::format(R"({{"a":{},"b":{}}})", entry("U8", "[1]", "[0,1]"),
                              entry("U8", "[1]", "[3,4]")),
                  four),
       "belong to no tensor"},
      {"hole_in_front", file_bytes(one("U8", "[3]", "[1,4]"), four), "belong to no tensor"},
      {"trailing_bytes", file_bytes(one("U8", "[3]", "[0,3]"), four),
       "1 bytes follow the last tensor"},
      {"bool_of_two", file_bytes(one("BOOL", "[4]", "[0,4]"), std::string("\1\0\2\1", 4)),
       "expected 0 or 1"},
      {"deep_nesting", file_bytes("{\"a\":" + std::string(100000, '[')), "expected an object"},
      {"nan", file_bytes(R"({"a":NaN})"), "not valid JSON"},
  };
}

class SafetensorsRefuses : public testing::TestWithParam<Bad> {};

TEST_P(SafetensorsRefuses, with_its_own_message) {
  const Bad& bad = GetParam();
  try {
    (void)parse_safetensors(bad.bytes, "memory");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_data) << error.what();
    EXPECT_NE(std::string_view(error.what()).find(bad.message), std::string_view::npos)
        << error.what();
    EXPECT_EQ(std::string_view(error.what()).find("[memory] "), 0u) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Safetensors, SafetensorsRefuses, testing::ValuesIn(bad_files()),
                         [](const auto& info) { return info.param.name; });

class TemporaryFolder : public testing::Test {
 protected:
  TemporaryFolder() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / fmt::format("gradus_{}_{}", info->name(), getpid());
    fs::create_directories(folder_);
  }
  ~TemporaryFolder() override { fs::remove_all(folder_); }
  std::string path(std::string_view name) const { return (folder_ / name).string(); }
  static std::string contents(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }

 private:
  fs::path folder_;
};

using SafetensorsFiles = TemporaryFolder;

NamedTensors every_dtype() {
  NamedTensors tensors;
  for (int i = 0; i < dtype_count; ++i) {
    const DType dtype = static_cast<DType>(i);
    if (dtype == DType::i4 || dtype == DType::u4) continue;
    const double values[] = {0, 1, 1, 0, 1, 0};
    tensors[fmt::format("x/{}", dtype_name(dtype))] =
        Tensor::from<double>(DType::f64, {2, 3}, values).cast(dtype);
  }
  tensors["none"] = Tensor(DType::f32, {0, 7});
  tensors["scalar"] = Tensor::full(DType::f16, {}, 2.5);
  return tensors;
}

TEST_F(SafetensorsFiles, every_dtype_comes_back) {
  const NamedTensors saved = every_dtype();
  save_safetensors(path("a"), saved, {{"key", "a \"quoted\" \\ \n\x01 \xe2\x82\xac"}});
  const Safetensors loaded = load_safetensors(path("a"));
  EXPECT_EQ(loaded.metadata.at("key"), "a \"quoted\" \\ \n\x01 \xe2\x82\xac");
  ASSERT_EQ(loaded.tensors.size(), saved.size());
  for (const auto& [name, tensor] : saved) {
    const Tensor& back = loaded.tensors.at(name);
    EXPECT_EQ(back.dtype(), tensor.dtype()) << name;
    EXPECT_EQ(back.shape(), tensor.shape()) << name;
    const auto bytes_of = [](const Tensor& t) {
      return std::string_view(t.data_as<char>(), static_cast<size_t>(t.bytes()));
    };
    EXPECT_EQ(bytes_of(back), bytes_of(tensor)) << name;
  }
}

TEST_F(SafetensorsFiles, bytes_depend_on_contents_alone) {
  save_safetensors(path("a"), every_dtype());
  save_safetensors(path("b"), every_dtype());
  EXPECT_EQ(contents(path("a")), contents(path("b")));
  save_safetensors(path("c"), {{"b", Tensor::full(DType::u8, {1}, 7)},
                               {"a", Tensor::full(DType::u8, {2}, 1)},
                               {"w", Tensor::full(DType::f32, {1}, 1)}});
  const std::string expected = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[4,6]},)"
                               R"("b":{"dtype":"U8","shape":[1],"data_offsets":[6,7]},)"
                               R"("w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  const std::string padded = expected + std::string((8 - expected.size() % 8) % 8, ' ');
  EXPECT_EQ(contents(path("c")), file_bytes(padded, std::string("\0\0\x80\x3f\1\1\7", 7)));
}

TEST_F(SafetensorsFiles, tensors_are_aligned_to_their_elements) {
  save_safetensors(path("a"), every_dtype());
  const SafetensorsFile file(path("a"));
  for (const auto& [name, entry] : file.entries())
    EXPECT_EQ(entry.begin % (dtype_bits(*entry.dtype) / 8), 0) << name;
}

TEST_F(SafetensorsFiles, a_missing_file_and_a_folder_are_named) {
  const auto kind_of = [](const std::string& path) {
    try {
      const SafetensorsFile file(path);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
      return error.kind();
    }
    return ErrorKind::internal;
  };
  EXPECT_EQ(kind_of(path("absent")), ErrorKind::not_found);
  fs::create_directory(path("folder"));
  EXPECT_EQ(kind_of(path("folder")), ErrorKind::bad_data);
}

TEST_F(SafetensorsFiles, an_unknown_tensor_is_named) {
  save_safetensors(path("a"), {{"x", Tensor::full(DType::f32, {1}, 1)}});
  EXPECT_THROW((void)SafetensorsFile(path("a")).read("y"), Error);
}

TEST_F(SafetensorsFiles, what_the_format_knows_and_gradus_does_not_hold) {
  std::ofstream(path("a"), std::ios::binary)
      << file_bytes(fmt::format(R"({{"a":{},"b":{}}})", entry("C64", "[1]", "[0,8]"),
                                entry("U8", "[1,1,1,1,1,1,1,1,1]", "[8,9]")),
                    std::string(9, '\1'));
  const SafetensorsFile file(path("a"));
  for (std::string_view name : {"a", "b"}) {
    try {
      (void)file.read(name);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::unsupported) << error.what();
    }
  }
}

TEST_F(SafetensorsFiles, writing_refuses_what_cannot_be_read_back) {
  const Tensor one = Tensor::full(DType::f32, {1}, 1);
  EXPECT_THROW(save_safetensors(path("a"), {{"__metadata__", one}}), Error);
  EXPECT_THROW(save_safetensors(path("a"), {{"\xff", one}}), Error);
  EXPECT_THROW(save_safetensors(path("a"), {{"x", Tensor()}}), Error);
  EXPECT_THROW(save_safetensors(path("a"), {{"x", Tensor(DType::i4, {2})}}), Error);
  EXPECT_EQ(files(), 0u);
}

// A limit on the size of files stands for a full disk: write() fails part-way in both.
TEST_F(SafetensorsFiles, a_full_disk_leaves_the_old_file) {
  save_safetensors(path("a"), {{"x", Tensor::full(DType::f32, {4}, 1)}});
  const std::string before = contents(path("a"));
  rlimit saved{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &saved), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, saved.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  ErrorKind kind = ErrorKind::internal;
  try {
    save_safetensors(path("a"), {{"x", Tensor::full(DType::f32, {100000}, 2)}});
  } catch (const Error& error) {
    kind = error.kind();
  }
  setrlimit(RLIMIT_FSIZE, &saved);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(kind, ErrorKind::io);
  EXPECT_EQ(contents(path("a")), before);
  EXPECT_EQ(files(), 1u);
}

// Changes of a valid file: whatever comes, it is read or refused, never a crash. Sanitizer builds
// give this its teeth.
TEST_F(SafetensorsFiles, mutated_files_are_read_or_refused) {
  save_safetensors(path("a"), every_dtype(), {{"k", "v"}});
  const std::string valid = contents(path("a"));
  const std::string_view tokens[] = {
      "\"", "{",   "}",    "[",       "]",    ",",   ":",       "0", "18446744073709551615",
      "-1", "1e9", "null", "\\u0000", "\xff", "F64", "\"a\":1,"};
  const PhiloxKey key{1, 2};
  uint64_t word = 0;
  const auto draw = [&](size_t below) { return philox_word(key, word++) % below; };
  int refused = 0, accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = valid;
    for (size_t changes = 1 + draw(4); changes > 0; --changes) {
      const size_t at = draw(bytes.size());
      switch (draw(5)) {
        case 0:
          bytes[at] = static_cast<char>(draw(256));
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << draw(8)));
          break;
        case 2:
          bytes.erase(at, 1 + draw(16));
          break;
        case 3:
          bytes.insert(at, tokens[draw(std::size(tokens))]);
          break;
        case 4:
          bytes.resize(at + 1);
          break;
      }
    }
    try {
      (void)parse_safetensors(bytes, "mutated");
      ++accepted;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 10000);  // most changes break something
  EXPECT_GT(accepted, 100);   // some change only values
}

}  // namespace
}  // namespace gradus
