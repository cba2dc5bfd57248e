// SPDX-License-Identifier: Apache-2.0
#include "training/progress_fields.h"

#include <cmath>

#include "engine/base/error.h"

namespace gradus {

const std::vector<double>& progress_numbers(const ProgressFields& fields, std::string_view name,
                                            int64_t count) {
  const auto found = fields.find(name);
  if (found == fields.end())
    failf(ErrorKind::bad_data, "progress", "the field '{}' is missing", name);
  const std::vector<double>& numbers = found->second;
  if (count >= 0 && static_cast<int64_t>(numbers.size()) != count)
    failf(ErrorKind::bad_data, "progress", "the field '{}', expected {} numbers, got {}", name,
          count, numbers.size());
  for (const double number : numbers)
    if (!std::isfinite(number))
      failf(ErrorKind::bad_data, "progress", "the field '{}' holds {}", name, number);
  return numbers;
}

double progress_number(const ProgressFields& fields, std::string_view name) {
  return progress_numbers(fields, name, 1)[0];
}

int64_t progress_count(const ProgressFields& fields, std::string_view name) {
  const double number = progress_number(fields, name);
  if (number < 0 || number > 0x1p53 || number != std::floor(number))
    failf(ErrorKind::bad_data, "progress", "the field '{}', expected a count, got {}", name,
          number);
  return static_cast<int64_t>(number);
}

void add_fields(ProgressFields& all, std::string_view part, const ProgressFields& fields) {
  for (const auto& [name, numbers] : fields) all[fmt::format("{}.{}", part, name)] = numbers;
}

ProgressFields fields_of(const ProgressFields& all, std::string_view part) {
  const std::string prefix = fmt::format("{}.", part);
  ProgressFields fields;
  for (const auto& [name, numbers] : all)
    if (name.starts_with(prefix)) fields[name.substr(prefix.size())] = numbers;
  return fields;
}

}  // namespace gradus
