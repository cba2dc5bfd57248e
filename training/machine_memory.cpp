// SPDX-License-Identifier: Apache-2.0
#include "training/machine_memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>

namespace gradus {
namespace {

constexpr int64_t unlimited = INT64_MAX;

// The first number of a file; none where there is none ("max").
std::optional<int64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  int64_t number = 0;
  if (file >> number && number >= 0) return number;
  return {};
}

// The number behind `name` in a file of lines "name number".
std::optional<int64_t> field_in(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first;
    int64_t number = 0;
    if (words >> first >> number && first == name) return number;
  }
  return {};
}

int64_t machine_leaves(const std::string& root) {
  const auto kibibytes = field_in(root + "/proc/meminfo", "MemAvailable:");
  return kibibytes ? *kibibytes * 1024 : unlimited;
}

// What one control group leaves. Pages of files that it counts can be freed.
int64_t group_leaves(const std::string& folder, const char* limit_file, const char* used_file,
                     const char* files_field) {
  const auto limit = number_in(folder + limit_file), used = number_in(folder + used_file);
  if (!limit || !used) return unlimited;
  const int64_t files = field_in(folder + "/memory.stat", files_field).value_or(0);
  return std::max<int64_t>(*limit - std::max<int64_t>(*used - files, 0), 0);
}

// The least of a group and those above it.
int64_t branch_leaves(const std::string& mount, std::string group, const char* limit_file,
                      const char* used_file, const char* files_field) {
  int64_t least = unlimited;
  for (;;) {
    least = std::min(least, group_leaves(mount + group, limit_file, used_file, files_field));
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.resize(slash);
  }
}

// A line of /proc/self/cgroup is "0::/path" in version 2 and "N:memory:/path" in version 1. In a
// container the path may be one outside of what is mounted: then only the mount itself says
// something.
int64_t groups_leave(const std::string& root) {
  int64_t least = unlimited;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t path = line.find('/');
    if (path == std::string::npos) continue;
    const std::string group = line.substr(path) == "/" ? "" : line.substr(path);
    const std::string mount = root + "/sys/fs/cgroup";
    if (line.starts_with("0::"))
      least = std::min(
          least, branch_leaves(mount, group, "/memory.max", "/memory.current", "inactive_file"));
    if (line.find(":memory:") != std::string::npos)
      least = std::min(least, branch_leaves(mount + "/memory", group, "/memory.limit_in_bytes",
                                            "/memory.usage_in_bytes", "total_inactive_file"));
  }
  return least;
}

// What setrlimit(RLIMIT_AS) lets the address space grow by.
int64_t address_space_leaves(const std::string& root) {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return unlimited;
  const int64_t used = field_in(root + "/proc/self/status", "VmSize:").value_or(0) * 1024;
  return std::max<int64_t>(static_cast<int64_t>(limit.rlim_cur) - used, 0);
}

}  // namespace

int64_t available_memory(const std::string& root) {
  return std::min({machine_leaves(root), groups_leave(root), address_space_leaves(root)});
}

int64_t available_memory() { return available_memory(""); }

}  // namespace gradus
