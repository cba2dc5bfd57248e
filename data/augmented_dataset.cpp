// SPDX-License-Identifier: Apache-2.0
#include "data/augmentation.h"
#include "data/input_rows.h"
#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus {
namespace {

void check_options(const Augmentation& o) {
  const auto check = [](std::string_view name, double value, double most) {
    GRADUS_CHECK(value >= 0 && value <= most, "[data.augment.{}] expected 0 to {}, got {}", name,
                 most, value);
  };
  check("rotation", o.rotation, 180);
  check("zoom", o.zoom, 0.9);
  check("shift", static_cast<double>(o.shift), 1 << 16);
  check("brightness", o.brightness, 1);
  check("contrast", o.contrast, 1);
  check("saturation", o.saturation, 1);
  check("noise", o.noise, 10);
  check("erase", o.erase, 1);
}

class AugmentedDataset : public Dataset {
 public:
  AugmentedDataset(std::shared_ptr<const Dataset> images, const Augmentation& options,
                   const Normalisation& normalisation, uint64_t seed)
      : images_(std::move(images)), options_(options), seed_(seed) {
    check_options(options);
    const Shape shape = images_->sample_shape();
    GRADUS_CHECK(shape.rank() == 3 && !images_->input_is_index(),
                 "[data.augment] expected images (channels, height, width), got samples {}",
                 to_string(shape));
    const size_t entries = normalisation.mean.size();
    GRADUS_CHECK(entries == normalisation.deviation.size() &&
                     (entries == 1 || static_cast<int64_t>(entries) == shape[0]),
                 "[data.mean] mean and deviation, expected 1 or {} entries (channels) each, got {} "
                 "and {}",
                 shape[0], entries, normalisation.deviation.size());
    for (int64_t c = 0; c < shape[0]; ++c) {
      const size_t entry = entries == 1 ? 0 : static_cast<size_t>(c);
      factor_.push_back(1 / (normalisation.scale * normalisation.deviation[entry]));
      shift_.push_back(normalisation.mean[entry] / normalisation.deviation[entry]);
    }
  }

  int64_t size() const override { return images_->size(); }
  Shape sample_shape() const override { return images_->sample_shape(); }
  Shape target_shape() const override { return images_->target_shape(); }
  bool input_is_index() const override { return false; }
  int64_t classes() const override { return images_->classes(); }
  bool targets_are_labels() const override { return images_->targets_are_labels(); }
  std::span<const int64_t> labels() const override { return images_->labels(); }
  std::vector<std::string> class_names() const override { return images_->class_names(); }
  std::vector<ColumnScale> target_scales() const override { return images_->target_scales(); }
  std::vector<std::string> target_names() const override { return images_->target_names(); }
  std::vector<TableField> table_fields() const override { return images_->table_fields(); }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    images_->fill(indices, first, inputs, targets);
    change(indices, first, inputs, nullptr);
  }
  void fill_training(std::span<const int64_t> indices, uint64_t epoch, int64_t first,
                     Tensor& inputs, Tensor& targets) const override {
    images_->fill_training(indices, epoch, first, inputs, targets);
    change(indices, first, inputs, &epoch);
  }

 private:
  // Augments where there is an epoch, then normalises.
  void change(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
              const uint64_t* epoch) const {
    dispatch_float(inputs.dtype(), [&](auto wanted) {
      using T = typename decltype(wanted)::type;
      const Shape shape = images_->sample_shape();
      const int64_t count = shape.numel();
      T* values = inputs.data_as<T>() + first * count;
      const auto samples = static_cast<int64_t>(indices.size());
      parallel_range(samples, samples_a_chunk, [&](int64_t begin, int64_t end) {
        thread_local std::vector<T> scratch;  // kept, so that a step allocates nothing
        scratch.resize(static_cast<size_t>(count));
        for (int64_t s = begin; s < end; ++s) {
          T* image = values + s * count;
          const int64_t sample = indices[static_cast<size_t>(s)];
          if (epoch)
            augment(options_, augmentation_key(seed_, *epoch, sample), shape, image,
                    scratch.data());
          normalise(image, shape[0], shape[1] * shape[2]);
        }
      });
    });
  }

  template <class T>
  void normalise(T* image, int64_t channels, int64_t plane) const {
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t i = 0; i < plane; ++i, ++image)
        *image = static_cast<T>(static_cast<double>(*image) * factor_[static_cast<size_t>(c)] -
                                shift_[static_cast<size_t>(c)]);
  }

  std::shared_ptr<const Dataset> images_;
  Augmentation options_;
  uint64_t seed_;
  // A value of channel c becomes value * factor[c] - shift[c].
  std::vector<double> factor_, shift_;
};

}  // namespace

std::unique_ptr<Dataset> make_augmented_dataset(std::shared_ptr<const Dataset> images,
                                                const Augmentation& options,
                                                const Normalisation& normalisation, uint64_t seed) {
  return std::make_unique<AugmentedDataset>(std::move(images), options, normalisation, seed);
}

}  // namespace gradus
