// SPDX-License-Identifier: Apache-2.0
#include "data/table_file.h"

#include <filesystem>

#include "data/file_bytes.h"
#include "engine/base/error.h"

namespace gradus {

std::string find_table(const std::string& folder, const std::string& stem) {
  std::string found;
  for (const char* ending : {".csv", ".tsv"}) {
    const std::string path = find_packed(fmt::format("{}/{}{}", folder, stem, ending));
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) continue;
    if (!found.empty())
      failf(ErrorKind::bad_data, folder, "holds both {} and {}, expected one of them",
            std::filesystem::path(found).filename().string(),
            std::filesystem::path(path).filename().string());
    found = path;
  }
  return found;
}

char delimiter_of(char given, const std::string& path) {
  if (given != 0) return given;
  return path.ends_with(".tsv") || path.ends_with(".tsv.gz") ? '\t' : ',';
}

}  // namespace gradus
