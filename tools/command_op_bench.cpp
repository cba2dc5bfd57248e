// SPDX-License-Identifier: Apache-2.0
// `gradus op bench`: time, arithmetic and traffic of ops against the machine's measured peak.
#include <memory>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/op/registry.h"
#include "tools/op_bench.h"
#include "tools/op_commands.h"
#include "tools/op_variant.h"

namespace gradus {
namespace {

struct Options {
  std::vector<std::string> names;
  std::string variant;
  bool json = false;
  int64_t threads = 0;
  double seconds = 0.3;
};

nlohmann::ordered_json to_json(const OpTiming& timing) {
  return {{"op", timing.op},
          {"sample", timing.sample},
          {"variant", timing.variant},
          {"median_s", timing.median_s},
          {"best_s", timing.best_s},
          {"gflops", timing.gflops},
          {"gb_s", timing.gigabytes_per_s},
          {"share", timing.share}};
}

void print_row(const OpTiming& timing) {
  fmt::print("{:<70} {:<12} {:>10.4f} {:>10.4f} {:>9.2f} {:>9.2f} {:>6.1f} %\n", timing.sample,
             timing.variant, timing.median_s * 1e3, timing.best_s * 1e3, timing.gflops,
             timing.gigabytes_per_s, timing.share * 100);
}

int run(const Options& options) {
  GRADUS_CHECK(options.seconds > 0 && options.seconds <= 3600,
               "--seconds, expected above 0 and at most 3600, got {}", options.seconds);
  GRADUS_CHECK(options.threads >= 0 && options.threads <= 1024,
               "--threads, expected 0 to 1024, got {}", options.threads);
  if (options.threads > 0) set_thread_count(static_cast<int>(options.threads));
  std::vector<const OpDef*> ops;
  for (const std::string& name : options.names) ops.push_back(&get_op(name));
  if (ops.empty())
    for (const OpDef& op : all_ops()) ops.push_back(&op);
  use_variant(options.variant, options.names.empty() ? std::span<const OpDef* const>() : ops);
  const MachinePeak peak = measure_machine_peak();
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  if (!options.json) {
    fmt::print("{} thread(s), peak {:.1f} GFLOP/s f32, {:.1f} GB/s copied\n", thread_count(),
               peak.gflops, peak.gigabytes_per_s);
    fmt::print("{:<70} {:<12} {:>10} {:>10} {:>9} {:>9} {:>8}\n", "sample", "variant", "median ms",
               "best ms", "GFLOP/s", "GB/s", "of peak");
  }
  for (const OpDef* op : ops)
    for (const OpTiming& timing : bench_op(*op, peak, options.seconds)) {
      if (options.json)
        rows.push_back(to_json(timing));
      else
        print_row(timing);
    }
  if (options.json)
    fmt::print("{}\n", nlohmann::ordered_json{{"threads", thread_count()},
                                              {"peak_gflops", peak.gflops},
                                              {"peak_gb_s", peak.gigabytes_per_s},
                                              {"ops", rows}}
                           .dump());
  return exit_success;
}

}  // namespace

Command op_bench_command() {
  const auto options = std::make_shared<Options>();
  return {"bench",
          "Measure ops on their benchmark samples: all, or those named",
          {{"NAME", "The ops to measure", &options->names},
           {"--variant", "The kernel variant to measure, on the samples that it takes",
            &options->variant},
           {"--json", "One JSON object", &options->json},
           {"--threads", "How many threads; 0: as OMP_NUM_THREADS, else all", &options->threads},
           {"--seconds", "How long to measure each sample", &options->seconds}},
          [options] { return run(*options); }};
}

}  // namespace gradus
