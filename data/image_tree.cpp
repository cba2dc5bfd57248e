// SPDX-License-Identifier: Apache-2.0
#include "data/image_tree.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include <fmt/format.h>

#include "data/file_bytes.h"
#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr int64_t most_file_bytes = int64_t{1} << 28;

struct Files {
  std::vector<std::string> classes;
  std::vector<std::string> paths;
  std::vector<int64_t> labels;
};

bool is_image(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

// The names in a folder in order; only folders or only images.
std::vector<std::string> names_in(const std::string& folder, bool folders) {
  std::vector<std::string> names;
  std::error_code error, ignored;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path& path = entry->path();
    if (folders ? fs::is_directory(path, ignored)
                : is_image(path) && fs::is_regular_file(path, ignored))
      names.push_back(path.filename().string());
  }
  if (error) failf(ErrorKind::io, folder, "cannot list: {}", error.message());
  std::ranges::sort(names);
  return names;
}

Files list_files(const std::string& folder) {
  Files files{.classes = names_in(folder, true), .paths = {}, .labels = {}};
  for (size_t c = 0; c < files.classes.size(); ++c)
    for (const std::string& name : names_in(folder + "/" + files.classes[c], false)) {
      files.paths.push_back(fmt::format("{}/{}/{}", folder, files.classes[c], name));
      files.labels.push_back(static_cast<int64_t>(c));
    }
  if (files.classes.size() < 2 || files.paths.empty())
    failf(ErrorKind::bad_data, folder,
          "expected a folder of .png or .jpg files for each of at least 2 classes, got {} folders "
          "with {} images",
          files.classes.size(), files.paths.size());
  return files;
}

class ImageTreeDataset : public Dataset {
 public:
  ImageTreeDataset(Files files, const ImageTree& tree)
      : files_(std::move(files)), shape_{tree.channels, tree.height, tree.width} {
    GRADUS_CHECK((tree.channels == 1 || tree.channels == 3) && tree.height > 0 && tree.width > 0 &&
                     tree.height <= most_pixels / tree.width,
                 "[data] images, expected 1 or 3 channels and a positive size, got {}",
                 to_string(shape_));
  }

  int64_t size() const override { return static_cast<int64_t>(files_.paths.size()); }
  Shape sample_shape() const override { return shape_; }
  Shape target_shape() const override { return {}; }
  bool input_is_index() const override { return false; }
  int64_t classes() const override { return static_cast<int64_t>(files_.classes.size()); }
  std::span<const int64_t> labels() const override { return files_.labels; }
  std::vector<std::string> class_names() const override { return files_.classes; }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    for (size_t i = 0; i < indices.size(); ++i)
      targets.data_as<int64_t>()[first + static_cast<int64_t>(i)] =
          files_.labels[static_cast<size_t>(indices[i])];
    dispatch_float(inputs.dtype(), [&](auto wanted) {
      using T = typename decltype(wanted)::type;
      const int64_t count = shape_.numel();
      T* out = inputs.data_as<T>() + first * count;
      parallel_for(static_cast<int64_t>(indices.size()), [&](int64_t s) {
        const std::vector<uint8_t>& image = read(indices[static_cast<size_t>(s)]);
        for (int64_t i = 0; i < count; ++i)
          out[s * count + i] =
              static_cast<T>(static_cast<double>(image[static_cast<size_t>(i)]) / 255);
      });
    });
  }

 private:
  // The image of a file at the right size; memory is kept per thread.
  const std::vector<uint8_t>& read(int64_t index) const {
    thread_local Pixels pixels;
    thread_local std::vector<float> scratch;
    thread_local std::vector<uint8_t> image;
    const std::string& path = files_.paths[static_cast<size_t>(index)];
    decode_image(read_bytes(path, most_file_bytes), path, shape_[0], pixels);
    image.resize(static_cast<size_t>(shape_.numel()));
    fit_image(pixels, shape_[1], shape_[2], image.data(), scratch);
    return image;
  }

  Files files_;
  Shape shape_;
};

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::unique_ptr<Dataset> finish(std::unique_ptr<Dataset> images, const ImageTree& tree,
                                Split split) {
  const ImageFolder& options = tree.images;
  return make_augmented_dataset(std::move(images),
                                split == Split::train ? options.augmentation : Augmentation{},
                                {1, options.mean, options.deviation}, options.seed);
}

// PATH/train and its neighbours.
std::unique_ptr<Dataset> load_parts(const ImageTree& tree, Split split) {
  const std::string& path = tree.images.path;
  GRADUS_CHECK(tree.split.validation == 0 && tree.split.test == 0 && tree.split.folds == 0,
               "[data] {} has its own parts, expected no shares or folds", path);
  std::string part = path + "/train";
  const std::vector<std::string> classes = names_in(part, true);
  if (split == Split::test && is_folder(path + "/test"))
    part = path + "/test";
  else if (split != Split::train)
    part = path + "/val";
  if (split == Split::validation && !is_folder(part)) return nullptr;
  if (!is_folder(part)) failf(ErrorKind::not_found, part, "no such folder");
  Files files = list_files(part);
  if (files.classes != classes)
    failf(ErrorKind::bad_data, part, "classes, expected those of train ({}), got {}",
          fmt::join(classes, ", "), fmt::join(files.classes, ", "));
  return finish(std::make_unique<ImageTreeDataset>(std::move(files), tree), tree, split);
}

}  // namespace

std::unique_ptr<Dataset> load_image_tree(const ImageTree& tree, Split split) {
  const std::string& path = tree.images.path;
  if (!is_folder(path)) failf(ErrorKind::not_found, path, "no such folder");
  if (is_folder(path + "/train")) return load_parts(tree, split);
  auto whole = std::make_unique<ImageTreeDataset>(list_files(path), tree);
  SplitParts parts = split_samples(whole->size(), whole->labels(), tree.split);
  std::vector<int64_t>& chosen = split == Split::train                         ? parts.train
                                 : split == Split::test && !parts.test.empty() ? parts.test
                                                                               : parts.validation;
  if (chosen.empty() && split == Split::validation) return nullptr;
  GRADUS_CHECK(!chosen.empty(), "[{}] there is no test part: data.test is its share", path);
  return finish(make_subset(std::move(whole), std::move(chosen)), tree, split);
}

}  // namespace gradus
