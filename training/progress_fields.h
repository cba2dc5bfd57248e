// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// What a part of training remembers from step to step, by name, as numbers that a JSON file holds
// exactly. All are finite.
using ProgressFields = std::map<std::string, std::vector<double>, std::less<>>;

// The numbers of a field. Throws bad_data where it is missing, has not `count` entries (-1: any
// number), or one of them is not finite.
const std::vector<double>& progress_numbers(const ProgressFields& fields, std::string_view name,
                                            int64_t count = -1);
double progress_number(const ProgressFields& fields, std::string_view name);
// At least 0 and whole, or bad_data.
int64_t progress_count(const ProgressFields& fields, std::string_view name);

// Adds the fields of a part as "PART.NAME", and takes them out again.
void add_fields(ProgressFields& all, std::string_view part, const ProgressFields& fields);
ProgressFields fields_of(const ProgressFields& all, std::string_view part);

}  // namespace gradus
