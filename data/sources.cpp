// SPDX-License-Identifier: Apache-2.0
#include "data/sources.h"

#include <filesystem>

#include "data/file_bytes.h"
#include "data/idx.h"
#include "data/sampler.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr uint64_t split_epoch = ~uint64_t{0};  // an order that no training epoch has

// (samples, height, width) -> (samples, 1, height, width).
Tensor with_channel(const Tensor& images, const std::string& path) {
  if (images.shape().rank() != 3)
    failf(ErrorKind::bad_data, path, "images, expected (samples, height, width), got {}",
          to_string(images.shape()));
  Shape shape = images.shape();
  shape.insert(1, 1);
  return images.reshape(shape);
}

std::unique_ptr<Dataset> take(std::unique_ptr<Dataset> whole, const ImageFolder& folder,
                              Split split) {
  const int64_t held_out = folder.validation_samples;
  GRADUS_CHECK(held_out >= 0 && held_out < whole->size(),
               "[data.validation_samples] expected 0 to {}, got {}", whole->size() - 1, held_out);
  if (held_out == 0) return split == Split::train ? std::move(whole) : nullptr;
  std::vector<int64_t> order = shuffled_order(whole->size(), folder.split_seed, split_epoch);
  const auto middle = order.end() - held_out;
  std::vector<int64_t> chosen = split == Split::train ? std::vector<int64_t>(order.begin(), middle)
                                                      : std::vector<int64_t>(middle, order.end());
  return make_subset(std::move(whole), std::move(chosen));
}

}  // namespace

std::string_view split_name(Split split) {
  return split == Split::train ? "train" : split == Split::test ? "test" : "validation";
}

std::unique_ptr<Dataset> load_images(const ImageFolder& folder, Split split) {
  const std::string prefix = folder.path + (split == Split::test ? "/t10k-" : "/train-");
  const std::string images_path = find_packed(prefix + "images-idx3-ubyte");
  const std::string labels_path = find_packed(prefix + "labels-idx1-ubyte");
  const Tensor images = with_channel(read_idx(images_path), images_path);
  const Tensor labels = read_idx(labels_path);
  std::unique_ptr<Dataset> whole = make_labelled_dataset(
      {images_path, labels_path}, images, labels, folder.classes,
      {images.dtype() == DType::u8 ? 255.0 : 1.0, folder.mean, folder.deviation});
  return split == Split::test ? std::move(whole) : take(std::move(whole), folder, split);
}

std::unique_ptr<Dataset> load_text(const TextFolder& folder, Split split) {
  std::string path = folder.path + (split == Split::train ? "/train.txt" : "/val.txt");
  const std::string test = find_packed(folder.path + "/test.txt");
  std::error_code ignored;
  if (split == Split::test && std::filesystem::exists(test, ignored)) path = test;
  path = find_packed(path);
  const std::vector<uint8_t> bytes = read_bytes(path);
  return make_text_dataset(path, {bytes.begin(), bytes.end()}, folder.length, byte_vocabulary);
}

}  // namespace gradus
