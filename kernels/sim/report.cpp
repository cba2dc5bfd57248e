// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/report.h"

#include <array>
#include <cstdio>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "kernels/sim/options.h"

extern "C" const char __executable_start;  // from the linker: where the program image begins

namespace gradus::sim {
namespace {

struct Reports {
  std::mutex mutex;
  std::vector<Report> list;
};

Reports& reports() {
  static Reports instance;
  return instance;
}

std::string program_path() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  return length > 0 ? std::string(path.data(), static_cast<size_t>(length)) : std::string();
}

// The lines that addr2line prints for an address.
std::vector<std::string> ask_addr2line(const char* flags, uint32_t address) {
  const std::string command =
      fmt::format("addr2line {} -e '{}' {:#x} 2>/dev/null", flags, program_path(), address);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::vector<std::string> lines;
  std::array<char, 4096> line{};
  while (pipe && fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    std::string_view text(line.data());
    lines.emplace_back(text.substr(0, text.find('\n')));
  }
  return lines;
}

// Source lines from the innermost inlined function outwards: "reduce.h:30 < softmax.cu:71".
std::string look_up_line(uint32_t site) {
  std::string names;
  // A return address belongs to the line after the call: step back into the call itself.
  for (const std::string& line : ask_addr2line("-i -s", site - 1)) {
    if (line.empty() || line.front() == '?') continue;
    if (!names.empty()) names += " < ";
    names += line.substr(0, line.find(' '));
  }
  return names.empty() ? fmt::format("code+{:#x}", site) : names;
}

std::string look_up_function(uint32_t address) {
  const std::vector<std::string> lines = ask_addr2line("-f -C", address);
  std::string name = lines.empty() || lines[0].front() == '?' ? "kernel" : lines[0];
  const std::string unnamed = "(anonymous namespace)::";
  for (size_t at = name.find(unnamed); at != std::string::npos; at = name.find(unnamed))
    name.erase(at, unnamed.size());
  return name.substr(0, name.find('('));
}

// `look_up` of each address once.
std::string cached(std::unordered_map<uint32_t, std::string>& names, uint32_t address,
                   std::string (*look_up)(uint32_t)) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  auto [entry, fresh] = names.try_emplace(address);
  if (fresh) entry->second = look_up(address);
  return entry->second;
}

}  // namespace

Options& options() {
  static Options instance;
  return instance;
}

std::string_view rule_name(Rule rule) {
  switch (rule) {
    case Rule::uninitialised:
      return "uninitialised";
    case Rule::shared_race:
      return "shared_race";
    case Rule::global_race:
      return "global_race";
    case Rule::async_in_flight:
      return "async_in_flight";
    case Rule::mbarrier:
      return "mbarrier";
    case Rule::barrier:
      return "barrier";
    case Rule::collective:
      return "collective";
    case Rule::bounds:
      return "bounds";
    case Rule::alignment:
      return "alignment";
    case Rule::host_pointer:
      return "host_pointer";
    case Rule::exit_pending:
      return "exit_pending";
    case Rule::deadlock:
      return "deadlock";
    case Rule::launch:
      return "launch";
  }
  return "?";
}

void add_report(Report report) {
  const std::lock_guard lock(reports().mutex);
  reports().list.push_back(std::move(report));
}

std::vector<Report> take_reports() {
  const std::lock_guard lock(reports().mutex);
  return std::exchange(reports().list, {});
}

bool has_reports() {
  const std::lock_guard lock(reports().mutex);
  return !reports().list.empty();
}

uint32_t site_of(const void* return_address) {
  return static_cast<uint32_t>(static_cast<const char*>(return_address) - &__executable_start);
}

std::string site_name(uint32_t site) {
  static std::unordered_map<uint32_t, std::string> names;
  return cached(names, site, look_up_line);
}

std::string kernel_name(const void* kernel) {
  static std::unordered_map<uint32_t, std::string> names;
  return cached(names, site_of(kernel), look_up_function);
}

}  // namespace gradus::sim
