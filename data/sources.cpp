// SPDX-License-Identifier: Apache-2.0
#include "data/sources.h"

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
  std::vector<int64_t> order = shuffled_order(whole->size(), folder.seed, split_epoch);
  const auto middle = order.end() - held_out;
  std::vector<int64_t> chosen = split == Split::train ? std::vector<int64_t>(order.begin(), middle)
                                                      : std::vector<int64_t>(middle, order.end());
  return make_subset(std::move(whole), std::move(chosen));
}

}  // namespace

std::string_view split_name(Split split) {
  return split == Split::train ? "train" : split == Split::test ? "test" : "validation";
}

std::unique_ptr<Dataset> finish_images(std::unique_ptr<Dataset> whole, const ImageFolder& folder,
                                       Split split) {
  if (split != Split::test) whole = take(std::move(whole), folder, split);
  if (!whole) return nullptr;
  return make_augmented_dataset(std::move(whole),
                                split == Split::train ? folder.augmentation : Augmentation{},
                                {1, folder.mean, folder.deviation}, folder.seed);
}

std::unique_ptr<Dataset> load_images(const ImageFolder& folder, Split split) {
  const std::string prefix = folder.path + (split == Split::test ? "/t10k-" : "/train-");
  const std::string images_path = find_packed(prefix + "images-idx3-ubyte");
  const std::string labels_path = find_packed(prefix + "labels-idx1-ubyte");
  const Tensor images = with_channel(read_idx(images_path), images_path);
  const Tensor labels = read_idx(labels_path);
  const double scale = images.dtype() == DType::u8 ? 255 : 1;
  const bool augmented = split == Split::train && folder.augmentation.any();
  // Without changes the normalisation is part of the copy.
  if (augmented)
    return finish_images(make_labelled_dataset({images_path, labels_path}, images, labels,
                                               folder.classes, {scale}, folder.class_names),
                         folder, split);
  std::unique_ptr<Dataset> whole =
      make_labelled_dataset({images_path, labels_path}, images, labels, folder.classes,
                            {scale, folder.mean, folder.deviation}, folder.class_names);
  return split == Split::test ? std::move(whole) : take(std::move(whole), folder, split);
}

}  // namespace gradus
