// SPDX-License-Identifier: Apache-2.0
#include "training/data_factory.h"

namespace gradus {

std::shared_ptr<const Dataset> load_data(const Recipe& recipe, Split split) {
  const std::string& path = recipe.text("data.path");
  if (recipe.text("data.format") == "text")
    return load_text({.path = path, .length = recipe.integer("data.length")}, split);
  return load_images({.path = path,
                      .classes = recipe.integer("data.classes"),
                      .mean = recipe.real("data.mean"),
                      .deviation = recipe.real("data.deviation"),
                      .validation_samples = recipe.integer("data.validation_samples"),
                      .split_seed = static_cast<uint64_t>(recipe.integer("seed"))},
                     split);
}

}  // namespace gradus
