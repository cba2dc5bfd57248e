// SPDX-License-Identifier: Apache-2.0
// `gradus op check`: whether ops hold what they promise.
#include <memory>

#include <fmt/core.h>

#include "engine/base/error.h"
#include "engine/op/registry.h"
#include "tools/op_check.h"
#include "tools/op_commands.h"
#include "tools/op_variant.h"

namespace gradus {
namespace {

struct Options {
  std::vector<std::string> names;
  bool all = false;
  std::string variant;
};

// Prints one line per check; returns how many problems there are.
size_t check_op(const OpDef& op) {
  size_t problems = 0;
  for (const OpCheck& check : op_checks()) {
    if (!check.applies(op)) continue;
    const CheckReport report = run_check(check, op);
    fmt::print("{:<28} {:<18} {:>8} comparisons  {}\n", op.name, check.name, report.checks,
               report.problems.empty() ? "ok" : "FAILED");
    for (const std::string& problem : report.problems) fmt::print("    {}\n", problem);
    problems += report.problems.size();
  }
  return problems;
}

int run(const Options& options) {
  GRADUS_CHECK(options.all != !options.names.empty(), "op check, expected op names or --all");
  std::vector<const OpDef*> ops;
  for (const std::string& name : options.names) ops.push_back(&get_op(name));
  if (options.all)
    for (const OpDef& op : all_ops()) ops.push_back(&op);
  use_variant(options.variant, options.all ? std::span<const OpDef* const>() : ops);
  size_t problems = 0;
  for (const OpDef* op : ops) problems += check_op(*op);
  fmt::print("{} op(s) checked, {} problem(s)\n", ops.size(), problems);
  return problems == 0 ? exit_success : exit_failure;
}

}  // namespace

Command op_check_command() {
  const auto options = std::make_shared<Options>();
  return {"check",
          "Check ops against their samples: precision, gradients, determinism, memory, variants",
          {{"NAME", "The ops to check", &options->names},
           {"--all", "Check every op", &options->all},
           {"--variant", "The kernel variant to check, on the samples that it takes",
            &options->variant}},
          [options] { return run(*options); }};
}

}  // namespace gradus
