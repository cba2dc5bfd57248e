// SPDX-License-Identifier: Apache-2.0
#include "data/npy.h"

#include <gtest/gtest.h>

#include "data/arrays.h"
#include "data/zip.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "tests/data/temporary_folder.h"

namespace gradus {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes npy_bytes(const std::string& header, const Bytes& elements, int version = 1) {
  Bytes bytes = {0x93, 'N', 'U', 'M', 'P', 'Y', static_cast<uint8_t>(version), 0};
  const size_t length = header.size() + 1;
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    bytes.push_back(static_cast<uint8_t>(length >> (8 * i)));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.push_back('\n');
  bytes.insert(bytes.end(), elements.begin(), elements.end());
  return bytes;
}

std::string dict(const std::string& type, const std::string& shape, bool fortran = false) {
  return "{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }  ";
}

std::string refusal(const Bytes& bytes) {
  try {
    parse_npy(bytes, "a.npy");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_data);
    return error.what();
  }
  ADD_FAILURE() << "accepted";
  return "";
}

TEST(Npy, ReadsEveryElementType) {
  struct Case {
    const char* type;
    Bytes bytes;
    double value;
  };
  const Case cases[] = {{"|b1", {1}, 1},
                        {"|i1", {0xFE}, -2},
                        {"|u1", {0xFE}, 254},
                        {"<i2", {0xFE, 0xFF}, -2},
                        {">i2", {0x01, 0x02}, 258},
                        {"<u2", {0xFE, 0xFF}, 65534},
                        {"<i4", {0xFE, 0xFF, 0xFF, 0xFF}, -2},
                        {">u4", {0, 0, 1, 0}, 256},
                        {"<i8", {3, 0, 0, 0, 0, 0, 0, 0}, 3},
                        {"<u8", {4, 0, 0, 0, 0, 0, 0, 0}, 4},
                        {"<f2", {0x00, 0x3E}, 1.5},
                        {"<f4", {0, 0, 0xC0, 0x3F}, 1.5},
                        {">f8", {0x3F, 0xF8, 0, 0, 0, 0, 0, 0}, 1.5}};
  for (const Case& c : cases) {
    const Tensor tensor = parse_npy(npy_bytes(dict(c.type, "(1,)"), c.bytes), "a.npy");
    EXPECT_EQ(tensor.to_doubles(), std::vector<double>{c.value}) << c.type;
    EXPECT_EQ(tensor.shape(), Shape{1});
  }
}

TEST(Npy, FortranOrderBecomesRowMajor) {
  const Bytes elements = {1, 4, 2, 5, 3, 6};  // columns of ((1, 2, 3), (4, 5, 6))
  const Tensor tensor = parse_npy(npy_bytes(dict("|u1", "(2, 3)", true), elements), "a.npy");
  EXPECT_EQ(tensor.to_doubles(), (std::vector<double>{1, 2, 3, 4, 5, 6}));
  Bytes cube(24);
  for (uint8_t i = 0; i < 24; ++i) cube[i] = i;
  const Tensor dims = parse_npy(npy_bytes(dict("|u1", "(2, 3, 4)", true), cube), "a.npy");
  // Element (i, j, k) lies at i + 2 j + 6 k.
  EXPECT_EQ(dims.to_doubles()[1 * 12 + 2 * 4 + 3], 1 + 2 * 2 + 6 * 3);
}

TEST(Npy, ReadsScalarsEmptyArraysAndLaterVersions) {
  EXPECT_EQ(parse_npy(npy_bytes(dict("|u1", "()"), {7}), "a.npy").shape(), Shape{});
  EXPECT_EQ(parse_npy(npy_bytes(dict("<f4", "(0, 5)"), {}), "a.npy").shape(), (Shape{0, 5}));
  for (const int version : {2, 3})
    EXPECT_EQ(parse_npy(npy_bytes(dict("|u1", "(1,)"), {7}, version), "a.npy").item(), 7);
}

TEST(Npy, RefusesWhatIsWrong) {
  const auto with = [](const std::string& header, const Bytes& elements = {1}) {
    return refusal(npy_bytes(header, elements));
  };
  EXPECT_NE(refusal({}).find("NUMPY"), std::string::npos);
  EXPECT_NE(refusal(npy_bytes(dict("|u1", "(1,)"), {1}, 4)).find("version"), std::string::npos);
  EXPECT_NE(refusal({0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 200, 0, '{'}).find("a header of 200"),
            std::string::npos);
  EXPECT_NE(with(dict("<c8", "(1,)")).find("element type"), std::string::npos);
  EXPECT_NE(
      with("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}").find("records"),
      std::string::npos);
  EXPECT_NE(with("{'descr': '|u1', 'shape': (1,)}").find("a missing key"), std::string::npos);
  EXPECT_NE(with("{'descr': '|u1', 'descr': '|u1'}").find("the key 'descr'"), std::string::npos);
  EXPECT_NE(with(dict("|u1", "(-1,)")).find("no number"), std::string::npos);
  EXPECT_NE(with(dict("|u1", "(1,1,1,1,1,1,1,1,1)")).find("more than 8 dims"), std::string::npos);
  EXPECT_NE(with(dict("|u1", "(2,)")).find("expected 2 bytes, got 1"), std::string::npos);
  EXPECT_NE(with(dict("<f8", "(4611686018427387904, 4)")).find("overflow"), std::string::npos);
  EXPECT_NE(with(dict("<f8", "(99999999999999999999,)")).find("no number"), std::string::npos);
  EXPECT_NE(with(dict("|u1", "(0, 4611686018427387904, 4)")).find("expected 0"), std::string::npos);
  EXPECT_NE(with(dict("|b1", "(1,)"), {2}).find("no bool"), std::string::npos);
  EXPECT_NE(with(dict("|u1", "(1,)") + "x").find("text behind"), std::string::npos);
}

void put(Bytes& bytes, uint64_t value, int width) {
  for (int i = 0; i < width; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

// CRC-32 bit by bit.
uint32_t crc_of(const Bytes& bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

// A zip archive of one stored entry; `says` is what it claims its size to be.
Bytes zip_bytes(const std::string& name, const Bytes& contents, uint32_t says, uint32_t crc) {
  Bytes zip;
  const auto common = [&] {
    put(zip, 0, 8);  // flags, method, time and date
    put(zip, crc, 4);
    put(zip, says, 4);
    put(zip, says, 4);
    put(zip, name.size(), 2);
    put(zip, 0, 2);
  };
  put(zip, 0x04034b50, 4);
  put(zip, 20, 2);
  common();
  zip.insert(zip.end(), name.begin(), name.end());
  zip.insert(zip.end(), contents.begin(), contents.end());
  const size_t directory = zip.size();
  put(zip, 0x02014b50, 4);
  put(zip, 20, 2);
  put(zip, 20, 2);
  common();
  put(zip, 0, 2 * 3);
  put(zip, 0, 4);
  put(zip, 0, 4);
  zip.insert(zip.end(), name.begin(), name.end());
  const size_t length = zip.size() - directory;
  put(zip, 0x06054b50, 4);
  put(zip, 0, 4);
  put(zip, 1, 2);
  put(zip, 1, 2);
  put(zip, length, 4);
  put(zip, directory, 4);
  put(zip, 0, 2);
  return zip;
}

std::string zip_refusal(const Bytes& bytes) {
  try {
    for (const ZipEntry& entry : list_zip(bytes, "a.npz")) unpack_zip(bytes, entry, "a.npz");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_data);
    return error.what();
  }
  return "accepted";
}

TEST(Zip, ReadsAStoredEntry) {
  const Bytes contents = {1, 2, 3};
  const Bytes zip = zip_bytes("a", contents, 3, crc_of(contents));
  const std::vector<ZipEntry> entries = list_zip(zip, "a.zip");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(unpack_zip(zip, entries[0], "a.zip"), contents);
}

TEST(Zip, RefusesWhatIsWrong) {
  const Bytes contents = {1, 2, 3};
  EXPECT_NE(zip_refusal(zip_bytes("a", contents, 3, crc_of(contents) ^ 1)).find("CRC-32"),
            std::string::npos);
  EXPECT_NE(zip_refusal(zip_bytes("a", contents, 400, crc_of(contents))).find("reaches into"),
            std::string::npos);
  EXPECT_NE(zip_refusal({}).find("end record"), std::string::npos);
  EXPECT_NE(zip_refusal(Bytes(100)).find("end record"), std::string::npos);
}

// Every byte of an archive matters: no changed or cut one is taken for another.
TEST(Zip, NeverCrashesOnDamage) {
  const Bytes npy = npy_bytes(dict("|u1", "(4,)"), {1, 2, 3, 4});
  const Bytes zip = zip_bytes("x.npy", npy, static_cast<uint32_t>(npy.size()), crc_of(npy));
  EXPECT_EQ(zip_refusal(zip), "accepted");
  for (size_t length = 0; length < zip.size(); ++length)
    EXPECT_NE(zip_refusal({zip.begin(), zip.begin() + static_cast<int64_t>(length)}), "accepted");
  for (uint64_t round = 0; round < 3000; ++round) {
    Bytes bytes = zip;
    bytes[philox_word({3, 4}, 2 * round) % bytes.size()] ^=
        static_cast<uint8_t>(1 + philox_word({3, 4}, 2 * round + 1) % 255);
    (void)zip_refusal(bytes);
    bytes = npy;
    bytes[philox_word({3, 5}, 2 * round) % bytes.size()] ^=
        static_cast<uint8_t>(1 + philox_word({3, 5}, 2 * round + 1) % 255);
    try {
      (void)parse_npy(bytes, "a.npy");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_data) << error.what();
    }
  }
}

class ArraysTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
};

TEST_F(ArraysTest, IntegerTargetsAreClasses) {
  folder_.write("x.npy", npy_bytes(dict("|u1", "(4, 2)"), {0, 255, 51, 0, 0, 0, 102, 0}));
  folder_.write("y.npy", npy_bytes(dict("|u1", "(4,)"), {0, 2, 1, 2}));
  const auto data = load_arrays({.images = {.path = folder_.path()}}, Split::train);
  EXPECT_EQ(data->size(), 4);
  EXPECT_EQ(data->classes(), 3);
  Tensor inputs(DType::f64, {1, 2}), targets(DType::i64, {1});
  data->fill(std::vector<int64_t>{0}, 0, inputs, targets);
  EXPECT_EQ(inputs.to_doubles(), (std::vector<double>{0, 1}));
  EXPECT_EQ(load_arrays({.images = {.path = folder_.path()}}, Split::validation), nullptr);
  const ArraySource shares = {.images = {.path = folder_.path()}, .split = {.test = 0.5}};
  EXPECT_EQ(load_arrays(shares, Split::test)->size(), 2);
}

TEST_F(ArraysTest, FloatTargetsAreNumbersAndPartsHaveTheirOwnArrays) {
  const Bytes one = {0, 0, 0x80, 0x3F};  // 1 in f32
  folder_.write("x_train.npy", npy_bytes(dict("<f4", "(1, 1)"), one));
  folder_.write("y_train.npy", npy_bytes(dict("<f4", "(1,)"), one));
  folder_.write("x_test.npy", npy_bytes(dict("<f4", "(1, 1)"), {0, 0, 0, 0x40}));
  folder_.write("y_test.npy", npy_bytes(dict("<f4", "(1,)"), one));
  const auto data = load_arrays({.images = {.path = folder_.path()}}, Split::test);
  EXPECT_EQ(data->classes(), 0);
  Tensor inputs(DType::f64, {1, 1}), targets(DType::f64, {1, 1});
  data->fill(std::vector<int64_t>{0}, 0, inputs, targets);
  EXPECT_EQ(inputs.item(), 2);
}

// The task says what the same array of 0 and 1 is; by itself two columns are labels.
TEST_F(ArraysTest, TheTaskSaysWhatTargetsAre) {
  folder_.write("x.npy", npy_bytes(dict("|u1", "(3, 1)"), {0, 255, 51}));
  folder_.write("y.npy", npy_bytes(dict("|u1", "(3,)"), {0, 1, 1}));
  folder_.write("many.npy", npy_bytes(dict("|u1", "(3, 2)"), {0, 1, 1, 1, 0, 0}));
  folder_.write("flag.npy", npy_bytes(dict("|b1", "(3, 2)"), {0, 1, 1, 1, 0, 0}));
  folder_.write("two.npy", npy_bytes(dict("|u1", "(3, 1)"), {0, 2, 1}));
  folder_.write("real.npy", npy_bytes(dict("<f4", "(3,)"), Bytes(12, 0)));
  const auto load = [&](const std::string& targets, Task task,
                        std::vector<std::string> names = {}) {
    return load_arrays({.images = {.path = folder_.path(), .class_names = std::move(names)},
                        .targets = targets,
                        .task = task},
                       Split::train);
  };
  EXPECT_EQ(load("y", Task::binary)->classes(), 2);
  EXPECT_EQ(load("two", Task::classification)->classes(), 3);
  EXPECT_EQ(load("y", Task::regression)->target_shape(), Shape{1});
  EXPECT_FALSE(load("y", Task::regression)->targets_are_labels());
  EXPECT_TRUE(load("y", Task::multilabel)->targets_are_labels());
  for (const char* name : {"many", "flag"}) {
    const auto labels = load(name, Task::automatic, {"a", "b"});
    EXPECT_TRUE(labels->targets_are_labels());
    EXPECT_EQ(labels->classes(), 0);
    EXPECT_EQ(labels->target_names(), (std::vector<std::string>{"a", "b"}));
    Tensor inputs(DType::f64, {2, 1}), targets(DType::f64, {2, 2});
    labels->fill(std::vector<int64_t>{2, 0}, 0, inputs, targets);
    EXPECT_EQ(targets.to_doubles(), (std::vector<double>{0, 0, 0, 1}));
    EXPECT_TRUE(make_subset(load(name, Task::automatic), {1})->targets_are_labels());
  }
  const auto refused = [&](const std::string& targets, Task task, const std::string& part) {
    try {
      load(targets, task);
      ADD_FAILURE() << targets;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  refused("two", Task::binary, "expected 0 and 1 for data.task=binary, got 2");
  refused("two", Task::multilabel, "label 0 of sample 1, expected 0 or 1, got 2");
  refused("real", Task::classification, "data.task=regression takes floats");
  EXPECT_THROW(load("many", Task::automatic, {"a"}), Error);
}

TEST_F(ArraysTest, AMissingArrayIsNamedBesideWhatIsThere) {
  folder_.write("x.npy", npy_bytes(dict("|u1", "(1,1)"), {1}));
  try {
    load_arrays({.images = {.path = folder_.path()}}, Split::train);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no array 'y'"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("there are: x"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace gradus
