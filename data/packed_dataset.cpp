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
                int64_t length, int64_t classes, double tokens_per_character,
                std::vector<int64_t> lengths)
      : tokens_(std::move(tokens)),
        samples_(std::move(samples)),
        length_(length),
        classes_(classes),
        tokens_per_character_(tokens_per_character),
        lengths_(std::move(lengths)) {
    if (lengths_.empty()) return;
    for (const std::vector<PackedPart>& sample : samples_)
      buckets_.push_back(static_cast<int32_t>(
          std::ranges::lower_bound(lengths_, sample.front().count) - lengths_.begin()));
  }

  int64_t size() const override { return static_cast<int64_t>(samples_.size()); }
  Shape sample_shape() const override { return {2, length_}; }
  Shape target_shape() const override { return {length_}; }
  bool input_is_index() const override { return true; }
  int64_t classes() const override { return classes_; }
  double tokens_per_character() const override { return tokens_per_character_; }
  std::span<const int64_t> lengths() const override { return lengths_; }
  std::span<const int32_t> buckets() const override { return buckets_; }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    const int64_t length = inputs.shape()[2];
    for (size_t s = 0; s < indices.size(); ++s) {
      const int64_t row = first + static_cast<int64_t>(s);
      int64_t* input = inputs.data_as<int64_t>() + row * 2 * length;
      int64_t* target = targets.data_as<int64_t>() + row * length;
      std::fill_n(input, 2 * length, 0);
      std::fill_n(target, length, no_target);
      for (const PackedPart& part : samples_[static_cast<size_t>(indices[s])]) {
        GRADUS_ASSERT(part.place + part.count <= length, "{} targets in {}", part.count, length);
        const int32_t* from = tokens_.data() + part.begin;
        std::copy(from, from + part.count, input + part.place);
        std::iota(input + length + part.place, input + length + part.place + part.count, 0);
        std::copy(from + 1, from + 1 + part.count, target + part.place);
      }
    }
  }

 private:
  std::vector<int32_t> tokens_;
  std::vector<std::vector<PackedPart>> samples_;
  int64_t length_, classes_;
  double tokens_per_character_;
  std::vector<int64_t> lengths_;
  std::vector<int32_t> buckets_ = {};
};

// The lengths that samples are handed out in, rising; the last one takes all of them.
std::vector<int64_t> bucket_lengths(const std::vector<std::vector<PackedPart>>& samples,
                                    std::vector<int64_t> buckets, int64_t length) {
  for (const int64_t bucket : buckets)
    GRADUS_CHECK(bucket >= 1 && bucket <= length,
                 "[data.buckets] expected lengths of 1 to data.length = {}, got {}", length,
                 bucket);
  if (buckets.empty()) {
    std::vector<int64_t> counts;
    for (const std::vector<PackedPart>& sample : samples) counts.push_back(sample.front().count);
    std::ranges::sort(counts);
    constexpr size_t quarters = 4;
    for (size_t k = 1; k <= quarters; ++k)
      buckets.push_back(counts[(counts.size() * k + quarters - 1) / quarters - 1]);
  } else {
    buckets.push_back(length);
  }
  std::ranges::sort(buckets);
  const auto [first, last] = std::ranges::unique(buckets);
  buckets.erase(first, last);
  return buckets;
}

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
  if (name == "bucket") return Packing::bucket;
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
                                             double tokens_per_character,
                                             const std::vector<int64_t>& buckets) {
  GRADUS_CHECK(length > 0, "[{}] sample length, expected a positive number, got {}", name, length);
  for (size_t i = 0; i < documents.tokens.size(); ++i)
    if (documents.tokens[i] < 0 || documents.tokens[i] >= classes)
      failf(ErrorKind::bad_data, name, "token {}, expected 0 to {}, got {}", i, classes - 1,
            documents.tokens[i]);
  std::vector<std::vector<PackedPart>> samples = packed_samples(documents, length, packing);
  if (samples.empty()) fail(ErrorKind::bad_data, name, "no document has two tokens");
  std::vector<int64_t> lengths;
  if (packing == Packing::bucket) lengths = bucket_lengths(samples, buckets, length);
  return std::make_unique<PackedDataset>(std::move(documents.tokens), std::move(samples), length,
                                         classes, tokens_per_character, std::move(lengths));
}

}  // namespace gradus
