// SPDX-License-Identifier: Apache-2.0
// Times and sizes as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

// Seconds of "90s", "30m", "2h", "1h30m", "1.5h" or "1d"; each unit once, larger ones first. None
// for anything else, and where it is not above 0 or beyond 100 years.
std::optional<double> parse_duration(std::string_view text);

// Bytes of "8GiB", "512MiB", "1.5GiB", "8GB" (powers of 1000), "4096" or "4096B"; rounded down.
// None for anything else, and where it is not above 0 or beyond 2^60.
std::optional<int64_t> parse_byte_size(std::string_view text);

}  // namespace gradus
