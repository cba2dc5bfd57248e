// SPDX-License-Identifier: Apache-2.0
#include "tools/value_range.h"

#include <cmath>

#include <fmt/format.h>

namespace gradus {
namespace {

// What the inputs of a sample are called, each name for an equal share of them.
std::vector<std::string> input_names(const Dataset& data) {
  std::vector<std::string> names;
  for (const TableField& field : data.table_fields()) {
    const bool several = field.kind == ColumnKind::category && field.one_hot;
    for (int64_t i = 0; i < field.inputs(); ++i)
      names.push_back(several ? fmt::format("{} in 0-1 form", field.name) : field.name);
  }
  const Shape shape = data.sample_shape();
  if (!names.empty() || shape.rank() == 0) return names;
  const bool image = shape.rank() == 3;
  const int64_t parts = data.graph() != nullptr ? shape[1] : shape[0];
  for (int64_t i = 0; i < parts; ++i)
    names.push_back(fmt::format("{} {}", image ? "channel" : "column", i));
  return names;
}

}  // namespace

ValueRange::ValueRange(const Dataset& data)
    : numbers_in_(!data.input_is_index()),
      numbers_out_(data.classes() == 0),
      graph_(data.graph() != nullptr) {
  for (std::string& name : input_names(data)) inputs_.push_back({std::move(name)});
  if (inputs_.empty()) inputs_.push_back({"input"});
  const std::vector<std::string> targets = data.target_names();
  for (int64_t k = 0; numbers_out_ && k < data.target_shape().numel(); ++k)
    targets_.push_back(
        {k < std::ssize(targets) ? targets[static_cast<size_t>(k)] : fmt::format("target {}", k)});
}

void ValueRange::look(Column& column, int64_t sample, double value) {
  if (std::abs(value) <= most_trainable) return;
  if (column.count++ > 0) return;
  column.sample = sample;
  column.value = value;
}

void ValueRange::add(int64_t sample, std::span<const double> inputs,
                     std::span<const double> targets) {
  // A graph has a row of columns for each node, anything else a run of values for each column.
  const size_t columns = inputs_.size(), run = std::max<size_t>(inputs.size() / columns, 1);
  for (size_t i = 0; numbers_in_ && i < inputs.size(); ++i)
    look(inputs_[graph_ ? i % columns : std::min(i / run, columns - 1)], sample, inputs[i]);
  for (size_t k = 0; k < targets_.size(); ++k) look(targets_[k], sample, targets[k]);
}

std::vector<std::string> ValueRange::faults() const {
  std::vector<std::string> faults;
  const auto add_faults = [&](const std::vector<Column>& columns, std::string_view what) {
    for (const Column& column : columns)
      if (column.count > 0)
        faults.push_back(fmt::format(
            "{} '{}': {:g} in sample {}{}, coded as training sees it, is beyond {:.3g}: f32 "
            "cannot hold its square, and training overflows",
            what, column.name, column.value, column.sample,
            column.count > 1 ? fmt::format(" (and {} more)", column.count - 1) : "",
            most_trainable));
  };
  add_faults(inputs_, "input");
  add_faults(targets_, "target");
  return faults;
}

}  // namespace gradus
