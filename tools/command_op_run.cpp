// SPDX-License-Identifier: Apache-2.0
// `gradus op run` and `gradus op run-many`: ops on tensors from outside.
#include <memory>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/op/registry.h"
#include "tools/op_batch.h"
#include "tools/op_commands.h"
#include "tools/op_run.h"
#include "tools/op_variant.h"

namespace gradus {
namespace {

struct Options {
  std::string name, inputs, output, device = "cpu", attrs = "{}", variant;
  bool grad = false;
  int64_t threads = 0;
  int64_t seed = 0;
};

void use_threads(int64_t threads) {
  if (threads == 0) return;
  GRADUS_CHECK(threads >= 1 && threads <= 1024, "--threads, expected 1 to 1024, got {}", threads);
  set_thread_count(static_cast<int>(threads));
}

int run(const Options& options) {
  const OpDef& op = get_op(options.name);
  GRADUS_CHECK(options.seed >= 0, "--seed, expected at least 0, got {}", options.seed);
  use_threads(options.threads);
  const OpDef* const ops[] = {&op};
  use_variant(options.variant, ops);
  OpRequest request{.op = &op,
                    .attrs = attributes_from_json(op, options.attrs),
                    .gradient = options.grad,
                    .seed = static_cast<uint64_t>(options.seed),
                    .device = &find_device(options.device)};
  if (!options.inputs.empty()) request.tensors = load_safetensors(options.inputs).tensors;
  save_safetensors(options.output, run_request(request));
  return exit_success;
}

int run_many(const Options& options) {
  use_threads(options.threads);
  use_variant(options.variant, {});
  NamedTensors results;
  nlohmann::json errors = nlohmann::json::object();
  for (const BatchCase& batch_case : read_batch(options.inputs)) {
    try {
      for (const auto& [name, tensor] : run_batch_case(batch_case))
        results[batch_case.name + "/" + name] = tensor;
    } catch (const Error& error) {
      errors[batch_case.name] = error.what();
    }
  }
  save_safetensors(options.output, results, {{"errors", errors.dump()}});
  return exit_success;
}

}  // namespace

Command op_run_command() {
  const auto options = std::make_shared<Options>();
  return {
      "run",
      "Run one op on the tensors of a safetensors file, named 0, 1, ... in argument order",
      {{"NAME", "The op", &options->name, true},
       {"--inputs", "The file with the inputs (and grad_output.M); none for an op without",
        &options->inputs},
       {"--attrs", "The attributes as a JSON object", &options->attrs},
       {"--output", "The file to write: outputs 0, 1, ..., with --grad also grad.N",
        &options->output, true},
       {"--grad", "Also the gradient of sum(output * grad_output) by each input", &options->grad},
       {"--device", "cpu, cuda or cuda:N", &options->device},
       {"--variant", "The kernel variant to run, where it takes the call", &options->variant},
       {"--threads", "How many threads; 0: as OMP_NUM_THREADS, else all", &options->threads},
       {"--seed", "Of random ops", &options->seed}},
      [options] { return run(*options); }};
}

Command op_run_many_command() {
  const auto options = std::make_shared<Options>();
  return {"run-many",
          "Run the cases of one file (tools/op_batch.h gives its form)",
          {{"--inputs", "The file with cases and tensors", &options->inputs, true},
           {"--output", "The file to write", &options->output, true},
           {"--variant", "The kernel variant to run, where it takes the call", &options->variant},
           {"--threads", "How many threads; 0: as OMP_NUM_THREADS, else all", &options->threads}},
          [options] { return run_many(*options); }};
}

}  // namespace gradus
