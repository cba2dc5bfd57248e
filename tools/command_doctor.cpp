// SPDX-License-Identifier: Apache-2.0
// `gradus doctor`: what of this machine matters to Gradus, and what is wrong with it.
#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/parallel.h"
#include "engine/base/version.h"
#include "engine/device/device.h"
#include "tools/commands.h"
#include "tools/device_reason.h"
#include "tools/progress_line.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

enum class Verdict { fine, warning, problem };

struct Finding {
  std::string topic;
  Verdict verdict;
  std::string text;
};

std::string_view verdict_name(Verdict verdict) {
  return verdict == Verdict::fine ? "ok" : verdict == Verdict::warning ? "warning" : "problem";
}

Finding processor() {
  const DeviceInfo& cpu = cpu_device().info();
  const char* instructions = cpu.avx512 ? "AVX-512" : cpu.avx2 ? "AVX2" : "base instructions";
  if (!cpu.avx2)
    return {"processor", Verdict::warning,
            fmt::format("{}: no AVX2, so plain loops or oneDNN compute", cpu.name)};
  return {"processor", Verdict::fine, fmt::format("{}, {}", cpu.name, instructions)};
}

Finding threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int usable = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  const int count = thread_count();
  const std::string text = fmt::format("{} threads on {} usable processors", count, usable);
  if (count > usable)
    return {"threads", Verdict::warning, text + ": more than there are; lower OMP_NUM_THREADS"};
  double load = 0;
  if (getloadavg(&load, 1) == 1 && load > 0.5 * usable)
    return {"threads", Verdict::warning,
            fmt::format("{}; a load of {:.1f} from other programs", text, load)};
  return {"threads", Verdict::fine, text};
}

Finding memory() {
  const auto bytes = [](int pages) {
    return bytes_text(static_cast<double>(sysconf(pages)) *
                      static_cast<double>(sysconf(_SC_PAGESIZE)));
  };
  return {"memory", Verdict::fine,
          fmt::format("{}, {} free", bytes(_SC_PHYS_PAGES), bytes(_SC_AVPHYS_PAGES))};
}

Finding gpu() {
  if (std::string_view(build_cuda) == "OFF")
    return {"gpu", Verdict::fine, "this build is for the CPU alone"};
  try {
    const DeviceInfo& gpu = find_device("cuda").info();
    return {"gpu", Verdict::fine,
            fmt::format("{}: {}, compute capability {}.{}, {}", device_name(gpu), gpu.name,
                        gpu.compute_capability / 10, gpu.compute_capability % 10,
                        bytes_text(static_cast<double>(gpu.memory_bytes)))};
  } catch (const std::exception& error) {
    return {"gpu", Verdict::warning, error.what()};
  }
}

Finding device() {
  return {"device", Verdict::fine,
          fmt::format("device=auto takes {}: {}", device_name(find_device("auto").info()),
                      device_reason("auto"))};
}

// Whether runs can be written below the working folder, and into how much space.
Finding runs_folder() {
  const fs::path folder = fs::exists("runs") ? "runs" : ".";
  if (access(folder.c_str(), W_OK) != 0)
    return {"runs", Verdict::problem,
            fmt::format("{} cannot be written to; use run=DIR", fs::absolute(folder).string())};
  struct statvfs space {};
  if (statvfs(folder.c_str(), &space) != 0)
    return {"runs", Verdict::warning, "the free space of the disk is not known"};
  const double free_bytes =
      static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
  return {"runs", free_bytes < 1e9 ? Verdict::warning : Verdict::fine,
          fmt::format("{} free for run folders", bytes_text(free_bytes))};
}

Finding data_folder() {
  std::error_code error;
  std::vector<std::string> sets;
  for (const auto& entry : fs::directory_iterator("data/cache", error))
    sets.push_back(entry.path().filename().string());
  if (sets.empty())
    return {"data", Verdict::warning,
            "no data sets in data/cache here; scripts/data.sh --list shows what it can make"};
  std::ranges::sort(sets);
  return {"data", Verdict::fine, fmt::format("{}", fmt::join(sets, ", "))};
}

int run_doctor(bool json) {
  const Finding findings[] = {processor(), threads(),     memory(),     gpu(),
                              device(),    runs_folder(), data_folder()};
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  bool problem = false;
  for (const Finding& finding : findings) {
    problem |= finding.verdict == Verdict::problem;
    if (json)
      all.push_back({{"topic", finding.topic},
                     {"verdict", verdict_name(finding.verdict)},
                     {"text", finding.text}});
    else
      fmt::print("{:<10} {:<8} {}\n", finding.topic, verdict_name(finding.verdict), finding.text);
  }
  if (json) fmt::print("{}\n", all.dump());
  return problem ? exit_failure : exit_success;
}

}  // namespace

Command doctor_command() {
  const auto json = std::make_shared<bool>(false);
  return {.name = "doctor",
          .doc = "Check what of this machine matters to Gradus",
          .options = {{"--json", "Print one JSON array", json.get()}},
          .run = [json] { return run_doctor(*json); }};
}

}  // namespace gradus
