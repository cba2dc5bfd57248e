// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"

namespace gradus {

void fail(ErrorKind kind, std::string_view where, std::string_view message) {
  if (where.empty()) throw Error(kind, std::string(message));
  throw Error(kind, fmt::format("[{}] {}", where, message));
}

std::string source_location(const char* file, int line) {
  std::string_view path(file);
  for (std::string_view top : {"/engine/", "/kernels/", "/ops/", "/models/", "/data/", "/training/",
                               "/distributed/", "/interop/", "/tools/", "/tests/"}) {
    if (auto at = path.rfind(top); at != std::string_view::npos) {
      path.remove_prefix(at + 1);
      break;
    }
  }
  return fmt::format("{}:{}", path, line);
}

}  // namespace gradus
