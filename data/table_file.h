// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gradus {

// FOLDER/STEM.csv or FOLDER/STEM.tsv, possibly with .gz; empty where there is neither. Throws
// bad_data naming both where both are there.
std::string find_table(const std::string& folder, const std::string& stem);

// What divides the cells of a table: `given`, or where that is 0 a tab in .tsv, else a comma.
char delimiter_of(char given, const std::string& path);

}  // namespace gradus
