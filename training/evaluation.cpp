// SPDX-License-Identifier: Apache-2.0
#include "training/evaluation.h"

#include <algorithm>
#include <numeric>

namespace gradus {

Evaluation::Evaluation(const Model& model, std::shared_ptr<const Dataset> data, int64_t batch,
                       Precision precision, ParameterTable& parameters, StateStore& states,
                       Arena& arena, bool detailed)
    : data_(std::move(data)),
      spec_(spec_of(*data_, batch)),
      host_(spec_, precision.parameters),
      sums_(*data_),
      indices_(static_cast<size_t>(spec_.batch)),
      program_(
          evaluation_graph(model, spec_, precision.parameters, parameters, precision.low, detailed),
          states, arena) {
  if (detailed) reports_.emplace(*data_);
}

BatchSpec Evaluation::spec_of(const Dataset& data, int64_t batch) {
  return batch_spec(data, std::min(batch, data.size()));
}

std::optional<Score> Evaluation::run(const std::function<bool()>& stopped) {
  sums_.restart();
  if (reports_) reports_->restart();
  for (int64_t first = 0; first < data_->size(); first += spec_.batch) {
    if (stopped && stopped()) return {};
    indices_.resize(static_cast<size_t>(std::min(spec_.batch, data_->size() - first)));
    std::iota(indices_.begin(), indices_.end(), first);
    host_.clear_targets();
    data_->fill(indices_, 0, host_.inputs, host_.targets);
    program_.set_input("input", host_.inputs);
    program_.set_input("target", host_.targets);
    program_.run();
    const auto samples = static_cast<int64_t>(indices_.size());
    sums_.add(program_, host_.targets, samples);
    if (reports_) reports_->add(program_, host_.targets, first, samples);
  }
  return sums_.score();
}

}  // namespace gradus
