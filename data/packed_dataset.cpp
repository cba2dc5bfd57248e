// SPDX-License-Identifier: Apache-2.0
#include "data/packed_dataset.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "engine/base/error.h"

namespace gradus {
namespace {

class PackedDataset : public Dataset {
 public:
  PackedDataset(std::vector<int32_t> tokens, std::vector<std::vector<PackedPart>> samples,
                int64_t length, int64_t classes, double tokens_per_character)
      : tokens_(std::move(tokens)),
        samples_(std::move(samples)),
        length_(length),
        classes_(classes),
        tokens_per_character_(tokens_per_character) {}

  int64_t size() const override { return static_cast<int64_t>(samples_.size()); }
  Shape sample_shape() const override { return {2, length_}; }
  Shape target_shape() const override { return {length_}; }
  bool input_is_index() const override { return true; }
  int64_t classes() const override { return classes_; }
  double tokens_per_character() const override { return tokens_per_character_; }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    for (size_t s = 0; s < indices.size(); ++s) {
      const int64_t row = first + static_cast<int64_t>(s);
      int64_t* input = inputs.data_as<int64_t>() + row * 2 * length_;
      int64_t* target = targets.data_as<int64_t>() + row * length_;
      std::fill_n(input, 2 * length_, 0);
      std::fill_n(target, length_, no_target);
      for (const PackedPart& part : samples_[static_cast<size_t>(indices[s])]) {
        const int32_t* from = tokens_.data() + part.begin;
        std::copy(from, from + part.count, input + part.place);
        std::iota(input + length_ + part.place, input + length_ + part.place + part.count, 0);
        std::copy(from + 1, from + 1 + part.count, target + part.place);
      }
    }
  }

 private:
  std::vector<int32_t> tokens_;
  std::vector<std::vector<PackedPart>> samples_;
  int64_t length_, classes_;
  double tokens_per_character_;
};

std::vector<PackedPart> parts_of(const Documents& documents, int64_t length) {
  std::vector<PackedPart> parts;
  size_t begin = 0;
  for (const size_t end : documents.ends) {
    for (; begin + 1 < end; begin += static_cast<size_t>(length))
      parts.push_back({begin, std::min(length, static_cast<int64_t>(end - begin) - 1), 0});
    begin = end;
  }
  return parts;
}

}  // namespace

std::optional<Packing> parse_packing(std::string_view name) {
  if (name == "stream") return Packing::stream;
  if (name == "pack") return Packing::pack;
  if (name == "pad") return Packing::pad;
  return {};
}

std::vector<std::vector<PackedPart>> packed_samples(const Documents& documents, int64_t length,
                                                    Packing packing) {
  std::vector<PackedPart> parts = parts_of(documents, length);
  std::vector<std::vector<PackedPart>> samples;
  if (packing == Packing::pack)
    std::ranges::stable_sort(parts, std::ranges::greater{}, &PackedPart::count);
  std::multimap<int64_t, size_t> room;  // samples by what is left in them
  for (PackedPart part : parts) {
    const auto open = packing == Packing::pack ? room.lower_bound(part.count) : room.end();
    size_t sample = samples.size();
    int64_t left = length;
    if (open == room.end()) {
      samples.emplace_back();
    } else {
      left = open->first;
      sample = open->second;
      room.erase(open);
    }
    part.place = length - left;
    samples[sample].push_back(part);
    room.emplace(left - part.count, sample);
  }
  return samples;
}

std::unique_ptr<Dataset> make_packed_dataset(const std::string& name, Documents documents,
                                             int64_t length, Packing packing, int64_t classes,
                                             double tokens_per_character) {
  GRADUS_CHECK(length > 0, "[{}] sample length, expected a positive number, got {}", name, length);
  for (size_t i = 0; i < documents.tokens.size(); ++i)
    if (documents.tokens[i] < 0 || documents.tokens[i] >= classes)
      failf(ErrorKind::bad_data, name, "token {}, expected 0 to {}, got {}", i, classes - 1,
            documents.tokens[i]);
  std::vector<std::vector<PackedPart>> samples = packed_samples(documents, length, packing);
  if (samples.empty()) fail(ErrorKind::bad_data, name, "no document has two tokens");
  return std::make_unique<PackedDataset>(std::move(documents.tokens), std::move(samples), length,
                                         classes, tokens_per_character);
}

}  // namespace gradus
