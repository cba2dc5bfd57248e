// SPDX-License-Identifier: Apache-2.0
#include "tools/report_files.h"

#include <filesystem>

#include "engine/base/error.h"
#include "engine/io/atomic_file.h"
#include "tools/report_json.h"
#include "tools/report_tables.h"

namespace gradus {

void write_report(const Report& report, std::string_view split, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!std::filesystem::is_directory(folder)) {
    GRADUS_CHECK(!std::filesystem::exists(folder), "[{}] is a file, expected a folder for a report",
                 folder);
    failf(ErrorKind::io, folder, "cannot make the folder: {}", error.message());
  }
  std::vector<TextFile> files = report_tables(report);
  for (TextFile& plot : report_plots(report)) files.push_back(std::move(plot));
  files.push_back({"report.json", to_json(report, split) + "\n"});  // last: the others are there
  for (const TextFile& file : files) {
    const std::string_view parts[] = {file.contents};
    write_file_atomically((std::filesystem::path(folder) / file.name).string(), parts);
  }
}

}  // namespace gradus
