// SPDX-License-Identifier: Apache-2.0
// `gradus op`: what the ops are, and whether they hold what they promise.
#include <cstdio>
#include <memory>

#include "engine/base/error.h"
#include "engine/op/registry.h"
#include "tools/commands.h"
#include "tools/op_check.h"

namespace gradus {
namespace {

// Prints one line per check; returns how many problems there are.
size_t check_one(const OpDef& op) {
  size_t problems = 0;
  for (const OpCheck& check : op_checks()) {
    if (!check.applies(op)) continue;
    const CheckReport report = run_check(check, op);
    std::printf("%-28.*s %-18.*s %8lld comparisons  %s\n", static_cast<int>(op.name.size()),
                op.name.data(), static_cast<int>(check.name.size()), check.name.data(),
                static_cast<long long>(report.checks), report.problems.empty() ? "ok" : "FAILED");
    for (const std::string& problem : report.problems) std::printf("    %s\n", problem.c_str());
    std::fflush(stdout);
    problems += report.problems.size();
  }
  return problems;
}

struct CheckOptions {
  std::vector<std::string> names;
  bool all = false;
};

int run_op_check(const CheckOptions& options) {
  GRADUS_CHECK(options.all != !options.names.empty(), "op check: expected op names or --all");
  std::vector<const OpDef*> ops;
  for (const std::string& name : options.names) ops.push_back(&get_op(name));
  if (options.all)
    for (const OpDef& op : all_ops()) ops.push_back(&op);
  size_t problems = 0;
  for (const OpDef* op : ops) problems += check_one(*op);
  std::printf("%zu op(s) checked, %zu problem(s)\n", ops.size(), problems);
  return problems == 0 ? exit_success : exit_failure;
}

Command check_command() {
  const auto options = std::make_shared<CheckOptions>();
  return {
      "check",
      "Check ops against their samples: precision, gradients, determinism, memory, variants",
      {{"NAME", "The ops to check", &options->names}, {"--all", "Check every op", &options->all}},
      [options] { return run_op_check(*options); }};
}

}  // namespace

Command op_command() {
  return {.name = "op",
          .doc = "List, show, check, measure and run single ops",
          .commands = {check_command()}};
}

}  // namespace gradus
