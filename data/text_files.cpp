// SPDX-License-Identifier: Apache-2.0
#include "data/text_files.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <nlohmann/json.hpp>

#include "data/file_bytes.h"
#include "engine/base/error.h"
#include "engine/base/utf8.h"

namespace gradus {
namespace {

std::string text_of_line(std::string_view line, const std::string& field,
                         const std::string& place) {
  if (!is_utf8(line)) fail(ErrorKind::bad_data, place, "not UTF-8");
  const nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
  if (object.is_discarded() || !object.is_object())
    failf(ErrorKind::bad_data, place, "expected a JSON object, got '{}'", line.substr(0, 60));
  const auto found = object.find(field);
  if (found == object.end() || !found->is_string())
    failf(ErrorKind::bad_data, place, "expected a member '{}' that is a text", field);
  return found->get<std::string>();
}

bool is_jsonl(std::string_view path) {
  if (path.ends_with(".gz")) path.remove_suffix(3);
  return path.ends_with(".jsonl");
}

}  // namespace

void each_text(const std::string& path, const std::string& field,
               const std::function<void(std::string_view)>& take) {
  const std::vector<uint8_t> bytes = read_bytes(path);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (!is_jsonl(path)) return take(text);
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    ++number;
    if (line.find_first_not_of(" \t\r") != std::string_view::npos)
      take(text_of_line(line, field, fmt::format("{}:{}", path, number)));
    begin = end + 1;
  }
}

}  // namespace gradus
