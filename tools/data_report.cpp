// SPDX-License-Identifier: Apache-2.0
#include "tools/data_report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "data/packed_dataset.h"
#include "engine/base/error.h"
#include "tools/value_range.h"

namespace gradus {
namespace {

Shape with_batch(int64_t batch, Shape shape) {
  shape.insert(0, batch);
  return shape;
}

DType input_dtype(const Dataset& data) { return data.input_is_index() ? DType::i64 : DType::f64; }
DType target_dtype(const Dataset& data) { return data.classes() > 0 ? DType::i64 : DType::f64; }

std::string image_text(const Shape& shape, std::span<const double> values) {
  static constexpr std::string_view shades = " .:-=+*#%@";
  const int64_t channels = shape[0], height = shape[1], width = shape[2];
  const int64_t step = std::max<int64_t>(1, (width + 63) / 64);  // at most 64 characters wide
  const auto [least, most] = std::ranges::minmax(values);
  const double range = most > least ? most - least : 1;
  std::string text;
  for (int64_t y = 0; y < height; y += 2 * step) {  // a character is twice as high as wide
    for (int64_t x = 0; x < width; x += step) {
      double sum = 0;
      for (int64_t c = 0; c < channels; ++c)
        sum += values[static_cast<size_t>((c * height + y) * width + x)] - least;
      const double share = sum / static_cast<double>(channels) / range;
      text += shades[std::min<size_t>(static_cast<size_t>(share * 10), 9)];
    }
    text += '\n';
  }
  return text;
}

// Bytes that are no printable ASCII as escapes, so that any terminal and any file can hold them.
std::string token_text(const Dataset& data, std::span<const double> values) {
  std::string text;
  for (const double value : values) {
    const auto token = static_cast<int64_t>(value);
    if (data.classes() > 256)
      text += fmt::format("{} ", token);
    else if (token >= 32 && token < 127)
      text += static_cast<char>(token);
    else
      text += token == '\n' ? "\\n" : fmt::format("\\x{:02x}", token);
  }
  return text + "\n";
}

}  // namespace

SampleReader::SampleReader(const Dataset& data, int64_t batch)
    : data_(data),
      batch_(std::min(batch, data.size())),
      width_(data.sample_shape().numel()),
      target_width_(data.target_shape().numel()),
      inputs_(input_dtype(data), with_batch(batch_, data.sample_shape())),
      target_tensor_(target_dtype(data), with_batch(batch_, data.target_shape())) {}

void SampleReader::read(int64_t first, int64_t count) {
  indices_.resize(static_cast<size_t>(count));
  std::iota(indices_.begin(), indices_.end(), first);
  data_.fill(indices_, 0, inputs_, target_tensor_);
  values_ = inputs_.to_doubles();
  targets_ = target_tensor_.to_doubles();
}

std::vector<ValueStatistics> statistics_of(const Dataset& data) {
  const Shape shape = data.sample_shape();
  const bool tokens = data.input_is_index() || shape.rank() == 0;
  const bool graph = data.graph() != nullptr;  // a group is then a column of features
  const auto groups = static_cast<size_t>(tokens ? 1 : shape[graph ? 1 : 0]);
  std::vector<ValueStatistics> all(groups);
  for (ValueStatistics& group : all) {
    group.least = std::numeric_limits<double>::infinity();
    group.most = -group.least;
  }
  SampleReader reader(data);
  reader.each(data.size(), [&](int64_t, std::span<const double> values, auto) {
    const size_t part = values.size() / groups;
    for (size_t i = 0; i < values.size(); ++i) {
      ValueStatistics& group = all[graph ? i % groups : i / part];
      group.count += 1;
      const double step = values[i] - group.mean;
      group.mean += step / group.count;
      group.deviation += step * (values[i] - group.mean);
      group.least = std::min(group.least, values[i]);
      group.most = std::max(group.most, values[i]);
    }
  });
  for (ValueStatistics& group : all) group.deviation = std::sqrt(group.deviation / group.count);
  return all;
}

std::vector<int64_t> class_counts(const Dataset& data) {
  if (data.labels().empty() && data.graph() == nullptr) return {};
  std::vector<int64_t> counts(static_cast<size_t>(data.classes()));
  if (data.graph() != nullptr)
    SampleReader(data).each(1, [&](int64_t, auto, std::span<const double> targets) {
      for (const double target : targets)
        if (target != no_target) ++counts[static_cast<size_t>(target)];
    });
  for (const int64_t label : data.labels()) ++counts[static_cast<size_t>(label)];
  return counts;
}

std::optional<Padding> padding_of(const Dataset& data) {
  if (!data.input_is_index() || data.sample_shape().rank() != 2) return {};
  const std::span<const int64_t> lengths = data.lengths();
  const std::span<const int32_t> buckets = data.buckets();
  Padding padding;
  SampleReader reader(data);
  reader.each(data.size(), [&](int64_t sample, auto, std::span<const double> targets) {
    const auto length = lengths.empty()
                            ? static_cast<int64_t>(targets.size())
                            : lengths[static_cast<size_t>(buckets[static_cast<size_t>(sample)])];
    const int64_t none = std::ranges::count(targets, static_cast<double>(no_target));
    padding.tokens += length;
    padding.padding += length - (static_cast<int64_t>(targets.size()) - none);
  });
  return padding;
}

std::vector<std::string> faults_of(const Dataset& data, size_t limit) {
  std::vector<std::string> faults;
  Tensor input(input_dtype(data), with_batch(1, data.sample_shape()));
  Tensor target(target_dtype(data), with_batch(1, data.target_shape()));
  ValueRange range(data);
  const bool numbers = !data.input_is_index(), regression = data.classes() == 0;
  const auto values = [](const Tensor& tensor, bool doubles) {
    return doubles ? std::span<const double>(tensor.data_as<double>(),
                                             static_cast<size_t>(tensor.numel()))
                   : std::span<const double>();
  };
  for (int64_t sample = 0; sample < data.size() && faults.size() < limit; ++sample) {
    try {
      data.fill({&sample, 1}, 0, input, target);
      range.add(sample, values(input, numbers), values(target, regression));
    } catch (const Error& error) {
      faults.emplace_back(error.what());
    }
  }
  for (std::string& fault : range.faults())
    if (faults.size() < limit) faults.push_back(std::move(fault));
  return faults;
}

std::string sample_text(const Dataset& data, std::span<const double> values,
                        std::span<const double> targets) {
  const Shape shape = data.sample_shape();
  if (data.input_is_index())  // tokens alone, without their positions
    return token_text(data, values.first(static_cast<size_t>(shape[shape.rank() - 1])));
  std::string text;
  const std::vector<std::string> names = data.class_names();
  if (data.classes() > 0) {
    const auto label = static_cast<size_t>(targets[0]);
    text = label < names.size() ? fmt::format("class {} ({})", label, names[label])
                                : fmt::format("class {}", label);
  } else {
    text = fmt::format("target {:.6g}", fmt::join(targets, ", "));
  }
  if (data.sample_shape().rank() == 3) return text + "\n" + image_text(data.sample_shape(), values);
  return fmt::format("{}: {:.4g}\n", text, fmt::join(values, ", "));
}

}  // namespace gradus
