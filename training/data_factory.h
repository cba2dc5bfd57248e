// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "data/learnt_coding.h"
#include "data/sampler.h"
#include "data/sources.h"
#include "training/program.h"
#include "training/recipe.h"

namespace gradus {

// The split of the data that a recipe's data.* keys name. Null where the split has no samples.
// Inputs and numbers to predict are coded as `learnt` says, if it is given. Throws not_found and
// bad_data.
std::shared_ptr<const Dataset> load_data(const Recipe& recipe, Split split,
                                         const std::optional<LearntCoding>& learnt = {});

// What a run trains on and validates with.
struct TrainingData {
  std::shared_ptr<const Dataset> train, validation;  // validation: null where there is none
};
TrainingData load_training_data(const Recipe& recipe);

// Deals the samples to steps as the recipe's batch, seed, data.sampling, data.ratio and
// data.drop_last say, by length where the data have several (Dataset::lengths). Throws
// as Sampler, and where data without one class per sample are to be sampled by class.
Sampler make_sampler(const Recipe& recipe, const Dataset& data);

// What goes through a model in training: batch_spec, and class weights where the recipe wants them:
// samples / (classes * samples of the class). Throws invalid_argument for weights of a class that
// has no sample, and of data without one class per sample.
BatchSpec training_spec(const Recipe& recipe, const Dataset& data, int64_t batch);

// The same for a micro-step of each form that the sampler's batches have. Throws invalid_argument
// where `parts` does not divide one.
std::vector<BatchSpec> training_specs(const Recipe& recipe, const Dataset& data,
                                      const Sampler& sampler, int64_t parts);

}  // namespace gradus
