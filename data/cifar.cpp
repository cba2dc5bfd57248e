// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "data/file_bytes.h"
#include "data/sources.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr int64_t pixels = 3 * 32 * 32;

// A record: 1 label, or 2 of which the first is coarse; then red, green and blue planes.
struct RecordForm {
  int64_t labels, used;
};

RecordForm form_of(int64_t classes) {
  if (classes == 10) return {1, 0};
  GRADUS_CHECK(classes == 20 || classes == 100,
               "[data.classes] of CIFAR, expected 10, 20 or 100, got {}", classes);
  return {2, classes == 100 ? 1 : 0};
}

struct Records {
  std::vector<uint8_t> images;
  std::vector<int64_t> labels;
};

void add_file(const std::string& path, int64_t classes, Records& records) {
  const RecordForm form = form_of(classes);
  const std::vector<uint8_t> bytes = read_bytes(path);
  const int64_t width = form.labels + pixels;
  const auto size = static_cast<int64_t>(bytes.size());
  if (size == 0 || size % width != 0)
    failf(ErrorKind::bad_data, path, "expected records of {} bytes, got {} bytes", width, size);
  for (int64_t i = 0; i < size / width; ++i) {
    const uint8_t* record = bytes.data() + i * width;
    if (record[form.used] >= classes)
      failf(ErrorKind::bad_data, path, "label of record {}, expected 0 to {}, got {}", i,
            classes - 1, record[form.used]);
    records.labels.push_back(record[form.used]);
    records.images.insert(records.images.end(), record + form.labels, record + width);
  }
}

}  // namespace

std::unique_ptr<Dataset> load_cifar(const ImageFolder& folder, Split split) {
  std::vector<std::string> names;
  if (folder.classes != 10)
    names = {split == Split::test ? "test.bin" : "train.bin"};
  else if (split == Split::test)
    names = {"test_batch.bin"};
  else
    for (int i = 1; i <= 5; ++i) names.push_back(fmt::format("data_batch_{}.bin", i));
  Records records;
  for (const std::string& name : names)
    add_file(find_packed(folder.path + "/" + name), folder.classes, records);
  const auto count = static_cast<int64_t>(records.labels.size());
  return finish_images(
      make_labelled_dataset({folder.path, folder.path},
                            Tensor::from<uint8_t>(DType::u8, {count, 3, 32, 32}, records.images),
                            Tensor::from<int64_t>(DType::i64, {count}, records.labels),
                            folder.classes, {255}, folder.class_names),
      folder, split);
}

}  // namespace gradus
