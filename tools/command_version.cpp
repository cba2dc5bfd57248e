// SPDX-License-Identifier: Apache-2.0
// `gradus version`: what this build is.
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/version.h"
#include "engine/device/device.h"
#include "tools/commands.h"

namespace gradus {
namespace {

int print_version(bool json) {
  const DeviceInfo& cpu = cpu_device().info();
  const nlohmann::ordered_json facts = {{"version", version_string},
                                        {"compiler", build_compiler},
                                        {"build", build_type},
                                        {"cuda", build_cuda},
                                        {"device", device_name(find_device("auto").info())},
                                        {"instructions", cpu.avx512 ? "avx512"
                                                         : cpu.avx2 ? "avx2"
                                                                    : "base"}};
  if (json) {
    fmt::print("{}\n", facts.dump());
    return exit_success;
  }
  for (const auto& [name, value] : facts.items())
    fmt::print("{:<14}{}\n", name, value.get<std::string>());
  return exit_success;
}

}  // namespace

Command version_command() {
  const auto json = std::make_shared<bool>(false);
  return {.name = "version",
          .doc = "Show version, build and the instructions that kernels use here",
          .options = {{"--json", "Print one JSON object", json.get()}},
          .run = [json] { return print_version(*json); }};
}

}  // namespace gradus
