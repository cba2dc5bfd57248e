// SPDX-License-Identifier: Apache-2.0
#include "training/run_environment.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "engine/base/instruction_set.h"
#include "engine/base/parallel.h"
#include "engine/base/version.h"
#include "engine/device/device.h"
#include "training/run_folder.h"

extern char** environ;

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

// What changes how fast a run goes, or which kernels compute.
constexpr std::array<std::string_view, 5> prefixes = {"OMP_", "GRADUS_", "CUDA_", "NCCL_", "DNNL_"};

// Of a run that was taken up very often the file begins anew.
constexpr std::uintmax_t largest_file = 1 << 20;

std::string contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> command_line() {
  std::vector<std::string> words;
  const std::string text = contents_of("/proc/self/cmdline");
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\0', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      if (const size_t colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "unknown";
}

Json variables() {
  Json all = Json::object();
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    for (const std::string_view prefix : prefixes)
      if (text.starts_with(prefix))
        all[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  }
  return all;
}

std::string now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

std::string_view instructions() {
  switch (instruction_set()) {
    case InstructionSet::avx512:
      return "avx512";
    case InstructionSet::avx2:
      return "avx2";
    default:
      return "base";
  }
}

Json system_facts() {
  utsname names{};
  if (uname(&names) != 0) return nullptr;
  return {{"name", names.sysname},
          {"release", names.release},
          {"machine", names.machine},
          {"host", names.nodename}};
}

}  // namespace

void record_environment(RunFolder& folder, const DeviceInfo& device, int64_t step) {
  std::error_code error;
  const DeviceInfo& cpu = cpu_device().info();
  const Json line = {{"began", now()},
                     {"step", step},
                     {"command", command_line()},
                     {"folder", std::filesystem::current_path(error).string()},
                     {"process", getpid()},
                     {"version", version_string},
                     {"compiler", build_compiler},
                     {"build", build_type},
                     {"device", device.name},
                     {"processor", processor()},
                     {"processors", cpu.multiprocessors},
                     {"memory_bytes", cpu.memory_bytes},
                     {"instructions", instructions()},
                     {"threads", thread_count()},
                     {"system", system_facts()},
                     {"variables", variables()}};
  const std::string path = folder.file(run_file::environment);
  std::string text;
  if (const auto bytes = std::filesystem::file_size(path, error); !error && bytes < largest_file)
    text = contents_of(path);
  text += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  folder.write(run_file::environment, text);
}

}  // namespace gradus
