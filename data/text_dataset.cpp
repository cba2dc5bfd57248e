// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "data/dataset.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

class TextDataset : public Dataset {
 public:
  TextDataset(const std::string& name, std::vector<int32_t> tokens, int64_t length, int64_t classes,
              double tokens_per_character)
      : tokens_(std::move(tokens)),
        length_(length),
        classes_(classes),
        tokens_per_character_(tokens_per_character) {
    GRADUS_CHECK(length > 0, "[{}] window length, expected a positive number, got {}", name,
                 length);
    if (size() < 1)
      failf(ErrorKind::bad_data, name, "the text is too short: expected at least {} tokens, got {}",
            length + 1, tokens_.size());
    for (size_t i = 0; i < tokens_.size(); ++i)
      if (tokens_[i] < 0 || tokens_[i] >= classes)
        failf(ErrorKind::bad_data, name, "token {}, expected 0 to {}, got {}", i, classes - 1,
              tokens_[i]);
  }

  int64_t size() const override { return (static_cast<int64_t>(tokens_.size()) - 1) / length_; }
  Shape sample_shape() const override { return {length_}; }
  Shape target_shape() const override { return {length_}; }
  bool input_is_index() const override { return true; }
  int64_t classes() const override { return classes_; }
  double tokens_per_character() const override { return tokens_per_character_; }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    for (size_t s = 0; s < indices.size(); ++s) {
      const int32_t* from = tokens_.data() + indices[s] * length_;
      const int64_t place = (first + static_cast<int64_t>(s)) * length_;
      std::copy(from, from + length_, inputs.data_as<int64_t>() + place);
      std::copy(from + 1, from + 1 + length_, targets.data_as<int64_t>() + place);
    }
  }

 private:
  std::vector<int32_t> tokens_;
  int64_t length_;
  int64_t classes_;
  double tokens_per_character_;
};

}  // namespace

std::unique_ptr<Dataset> make_text_dataset(std::string name, std::vector<int32_t> tokens,
                                           int64_t length, int64_t classes,
                                           double tokens_per_character) {
  return std::make_unique<TextDataset>(name, std::move(tokens), length, classes,
                                       tokens_per_character);
}

}  // namespace gradus
