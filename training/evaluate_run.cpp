// SPDX-License-Identifier: Apache-2.0
#include "engine/base/parallel.h"
#include "training/model_factory.h"
#include "training/run_data.h"
#include "training/session.h"
#include "training/trainer.h"

namespace gradus {

Report report_run(const std::string& run, const EvaluationOptions& options) {
  const Recipe recipe = recipe_of_run(run, options.weights);
  if (options.threads > 0)
    set_thread_count(options.threads);
  else
    use_threads(recipe);
  const std::shared_ptr<const Dataset> data = load_run_data(run, recipe, Split::test);
  Device& device = find_device(recipe.text("device"));
  ParameterTable parameters;
  StateStore states(device);
  Arena arena(device);
  Evaluation evaluation(make_model(recipe, *data), data, recipe.integer("batch"),
                        precision_of(recipe), parameters, states, arena, options.detailed);
  load_run_weights(run, options.weights, parameters, states);
  const Score score = *evaluation.run();
  return options.detailed ? evaluation.report(score) : Report{.score = score};
}

Score evaluate_run(const std::string& run, int threads, int64_t checkpoint) {
  return report_run(run, {.threads = threads, .weights = {.checkpoint = checkpoint}}).score;
}

}  // namespace gradus
