// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>
#include <jpeglib.h>
#include <png.h>

#include "data/image_file.h"
#include "data/image_tree.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "tests/data/temporary_folder.h"

namespace gradus {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes png_of(const Bytes& pixels, uint32_t height, uint32_t width, uint32_t format) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.height = height;
  image.width = width;
  image.format = format;
  png_alloc_size_t size = 0;
  EXPECT_TRUE(png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr));
  Bytes bytes(size);
  EXPECT_TRUE(png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr));
  bytes.resize(size);
  return bytes;
}

Bytes jpeg_of(const Bytes& pixels, uint32_t height, uint32_t width, bool progressive = false,
              J_COLOR_SPACE space = JCS_RGB) {
  const uint32_t channels = space == JCS_CMYK ? 4 : 3;
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_height = height;
  info.image_width = width;
  info.input_components = static_cast<int>(channels);
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < height) {
    JSAMPROW row = const_cast<uint8_t*>(pixels.data()) + info.next_scanline * width * channels;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  Bytes bytes(memory, memory + size);
  jpeg_destroy_compress(&info);
  std::free(memory);
  return bytes;
}

// Smooth colours, which JPEG keeps.
Bytes colours(uint32_t height, uint32_t width) {
  Bytes pixels;
  for (uint32_t y = 0; y < height; ++y)
    for (uint32_t x = 0; x < width; ++x)
      for (const uint32_t value : {255 * x / width, 255 * y / height, 128u})
        pixels.push_back(static_cast<uint8_t>(value));
  return pixels;
}

std::string refusal(const Bytes& bytes) {
  Pixels pixels;
  try {
    decode_image(bytes, "image", 3, pixels);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_data) << error.what();
    return error.what();
  }
  return "accepted";
}

TEST(Image, PngIsReadExactly) {
  Pixels pixels;
  const Bytes rgb = colours(6, 9);
  decode_image(png_of(rgb, 6, 9, PNG_FORMAT_RGB), "image", 3, pixels);
  EXPECT_EQ(pixels.height, 6);
  EXPECT_EQ(pixels.width, 9);
  EXPECT_EQ(pixels.values, rgb);
  const Bytes grey = {0, 50, 200, 255};
  decode_image(png_of(grey, 2, 2, PNG_FORMAT_GRAY), "image", 1, pixels);
  EXPECT_EQ(pixels.values, grey);
  decode_image(png_of(grey, 2, 2, PNG_FORMAT_GRAY), "image", 3, pixels);
  EXPECT_EQ(pixels.values, (Bytes{0, 0, 0, 50, 50, 50, 200, 200, 200, 255, 255, 255}));
  // Transparent over black.
  decode_image(png_of({90, 90, 90, 0, 90, 90, 90, 255}, 1, 2, PNG_FORMAT_RGBA), "image", 3, pixels);
  EXPECT_EQ(pixels.values, (Bytes{0, 0, 0, 90, 90, 90}));
}

// 16-bit values with a gamma of 1 in the file.
TEST(Image, PngIsReadAsStored) {
  const uint16_t value = 64 * 257;
  Bytes stored(2 * 12);
  for (size_t i = 0; i < stored.size(); i += 2) std::memcpy(&stored[i], &value, 2);
  Pixels pixels;
  decode_image(png_of(stored, 3, 4, PNG_FORMAT_LINEAR_Y), "image", 1, pixels);
  EXPECT_EQ(pixels.values, Bytes(12, 64));
  decode_image(png_of(stored, 2, 2, PNG_FORMAT_LINEAR_RGB), "image", 3, pixels);
  EXPECT_EQ(pixels.values, Bytes(12, 64));
}

// A picture has one grey, whichever format holds it.
TEST(Image, GreyOfColoursIsTheirLuma) {
  const Bytes colours = {255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90};
  const Bytes expected = {76, 150, 29, 90};
  Pixels pixels;
  decode_image(png_of(colours, 1, 4, PNG_FORMAT_RGB), "image", 1, pixels);
  EXPECT_EQ(pixels.values, expected);
  for (size_t i = 0; i < 4; ++i) {
    Bytes plain;
    for (int k = 0; k < 64; ++k) plain.insert(plain.end(), &colours[3 * i], &colours[3 * i] + 3);
    decode_image(jpeg_of(plain, 8, 8), "image", 1, pixels);
    EXPECT_NEAR(pixels.values[0], expected[i], 1) << i;
  }
}

TEST(Image, JpegOfInksIsMixed) {
  Bytes inks;  // as Adobe's programs write them: what is left of the light
  for (int k = 0; k < 64; ++k) inks.insert(inks.end(), {200, 100, 255, 128});
  Pixels pixels;
  decode_image(jpeg_of(inks, 8, 8, false, JCS_CMYK), "image", 3, pixels);
  const Bytes expected = {100, 50, 128};
  for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(pixels.values[c], expected[c], 2);
  decode_image(jpeg_of(inks, 8, 8, false, JCS_CMYK), "image", 1, pixels);
  EXPECT_NEAR(pixels.values[0], 74, 2);
}

TEST(Image, JpegIsReadClosely) {
  const Bytes rgb = colours(32, 48);
  for (const bool progressive : {false, true}) {
    Pixels pixels;
    decode_image(jpeg_of(rgb, 32, 48, progressive), "image", 3, pixels);
    ASSERT_EQ(pixels.values.size(), rgb.size());
    for (size_t i = 0; i < rgb.size(); ++i) EXPECT_NEAR(pixels.values[i], rgb[i], 12);
    decode_image(jpeg_of(rgb, 32, 48, progressive), "image", 1, pixels);
    EXPECT_EQ(pixels.values.size(), 32u * 48);
  }
}

TEST(Image, RefusesCutAndDamagedFiles) {
  const Bytes rgb = colours(32, 48);
  for (const Bytes& whole : {png_of(rgb, 32, 48, PNG_FORMAT_RGB), jpeg_of(rgb, 32, 48)}) {
    for (size_t missing : {size_t{20}, whole.size() / 2, whole.size() - 3})
      EXPECT_NE(refusal({whole.begin(), whole.end() - static_cast<int64_t>(missing)}), "accepted")
          << missing << " of " << whole.size();
    for (uint64_t round = 0; round < 500; ++round) {
      Bytes bytes = whole;
      for (uint64_t i = 0; i < 3; ++i)
        bytes[philox_word({7, 8}, 6 * round + 2 * i) % bytes.size()] =
            static_cast<uint8_t>(philox_word({7, 8}, 6 * round + 2 * i + 1));
      (void)refusal(bytes);
    }
  }
  EXPECT_NE(refusal({}).find("neither a PNG nor a JPEG"), std::string::npos);
  EXPECT_NE(refusal({'G', 'I', 'F', '8'}).find("neither"), std::string::npos);
}

// A header that promises more than the file can hold takes no memory.
TEST(Image, RefusesSizesThatCannotBe) {
  Bytes png = png_of(Bytes(16 * 16, 7), 16, 16, PNG_FORMAT_GRAY);
  const auto crc_of = [](const uint8_t* begin, size_t count) {
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < count; ++i) {
      crc ^= begin[i];
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
  };
  // IHDR's width and height at bytes 16 to 23, its checksum at 29.
  const auto resize = [&](uint32_t size) {
    for (size_t i = 0; i < 4; ++i)
      png[16 + i] = png[20 + i] = static_cast<uint8_t>(size >> (24 - 8 * i));
    const uint32_t crc = crc_of(png.data() + 12, 17);
    for (size_t i = 0; i < 4; ++i) png[29 + i] = static_cast<uint8_t>(crc >> (24 - 8 * i));
    return refusal(png);
  };
  EXPECT_NE(resize(8000).find("cannot be in"), std::string::npos);
  EXPECT_NE(resize(100000), "accepted");
  EXPECT_NE(resize(0), "accepted");
}

TEST(Image, FittingKeepsShapeAndMeans) {
  std::vector<float> scratch;
  Pixels pixels{.height = 8, .width = 8, .channels = 1, .values = Bytes(64)};
  for (size_t i = 0; i < 64; ++i) pixels.values[i] = static_cast<uint8_t>(i);
  Bytes same(64);
  fit_image(pixels, 8, 8, same.data(), scratch);
  EXPECT_EQ(same, pixels.values);
  // A checkerboard shrinks to grey, not to one of its colours.
  for (size_t i = 0; i < 64; ++i)
    pixels.values[i] = static_cast<uint8_t>((i + i / 8) % 2 == 0 ? 255 : 0);
  Bytes small(4);
  fit_image(pixels, 2, 2, small.data(), scratch);
  for (const uint8_t value : small) EXPECT_NEAR(value, 128, 4);
  // The middle of a wide image: three stripes of which the middle one stays.
  Pixels wide{.height = 4, .width = 12, .channels = 3, .values = {}};
  for (int i = 0; i < 48; ++i)
    for (int c = 0; c < 3; ++c)
      wide.values.push_back(static_cast<uint8_t>(i % 12 / 4 == 1 ? 100 + c : 0));
  Bytes middle(3 * 16);
  fit_image(wide, 4, 4, middle.data(), scratch);
  EXPECT_EQ(middle[5], 100);       // planes: red
  EXPECT_EQ(middle[32 + 5], 102);  // and blue
}

class ImageTreeTest : public testing::Test {
 protected:
  void write(const std::string& name, uint8_t value) const {
    std::filesystem::create_directories(std::filesystem::path(folder_.file(name)).parent_path());
    folder_.write(name, png_of(Bytes(10 * 12 * 3, value), 10, 12, PNG_FORMAT_RGB));
  }
  ImageTree tree() const { return {.images = {.path = folder_.path()}, .height = 4, .width = 4}; }

  TemporaryFolder folder_;
};

TEST_F(ImageTreeTest, FoldersAreClasses) {
  write("dog/1.png", 51);
  write("cat/1.png", 0);
  write("cat/2.PNG", 255);
  folder_.write("cat/notes.txt", {1});
  const auto data = load_image_tree(tree(), Split::train);
  EXPECT_EQ(data->size(), 3);
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(data->sample_shape(), (Shape{3, 4, 4}));
  Tensor inputs(DType::f32, {3, 3, 4, 4}), targets(DType::i64, {3});
  std::vector<int64_t> order;
  data->fill(std::vector<int64_t>{0, 1, 2}, 0, inputs, targets);
  for (int64_t i = 0; i < 3; ++i) {
    const float value = inputs.data_as<float>()[i * 48];
    const int64_t label = targets.data_as<int64_t>()[i];
    EXPECT_TRUE(label == 1 ? std::abs(value - 0.2f) < 1e-6f : value == 0 || value == 1);
    order.push_back(label);
  }
  std::ranges::sort(order);
  EXPECT_EQ(order, (std::vector<int64_t>{0, 0, 1}));
}

TEST_F(ImageTreeTest, PartsHaveTheSameClasses) {
  write("train/a/1.png", 1);
  write("train/b/1.png", 2);
  write("val/a/1.png", 3);
  std::filesystem::create_directories(folder_.file("val/b"));
  EXPECT_EQ(load_image_tree(tree(), Split::train)->size(), 2);
  EXPECT_EQ(load_image_tree(tree(), Split::validation)->size(), 1);
  EXPECT_EQ(load_image_tree(tree(), Split::test)->size(), 1);
  write("val/c/1.png", 4);
  EXPECT_THROW(load_image_tree(tree(), Split::validation), Error);
}

TEST_F(ImageTreeTest, ADamagedImageIsNamedWhenItIsUsed) {
  write("a/1.png", 1);
  write("b/1.png", 2);
  folder_.write("b/1.png", {0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0});
  const auto data = load_image_tree(tree(), Split::train);
  Tensor inputs(DType::f32, {2, 3, 4, 4}), targets(DType::i64, {2});
  try {
    data->fill(std::vector<int64_t>{0, 1}, 0, inputs, targets);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("b/1.png"), std::string::npos) << error.what();
  }
  EXPECT_THROW(load_image_tree({.images = {.path = folder_.file("none")}}, Split::train), Error);
  EXPECT_THROW(load_image_tree({.images = {.path = folder_.file("a")}}, Split::train), Error);
}

}  // namespace
}  // namespace gradus
