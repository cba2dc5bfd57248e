// SPDX-License-Identifier: Apache-2.0
#include "training/quantity.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

namespace gradus {
namespace {

constexpr double longest = 100 * 365.25 * 86400, largest = 0x1p60;

// Takes decimal digits, with a point at most, from the front; none where there are not any.
std::optional<double> take_number(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() &&
         (std::isdigit(static_cast<unsigned char>(text[length])) != 0 || text[length] == '.'))
    ++length;
  double number = 0;
  const char* const last = text.data() + length;
  const auto [end, error] = std::from_chars(text.data(), last, number, std::chars_format::fixed);
  if (length == 0 || error != std::errc() || end != last) return {};
  text.remove_prefix(length);
  return number;
}

}  // namespace

std::optional<double> parse_duration(std::string_view text) {
  constexpr std::pair<char, double> units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
  double seconds = 0;
  const auto* next = std::begin(units);
  while (!text.empty()) {
    const std::optional<double> number = take_number(text);
    if (!number || text.empty()) return {};
    const auto* unit = std::find_if(next, std::end(units),
                                    [&](const auto& known) { return known.first == text[0]; });
    if (unit == std::end(units)) return {};
    seconds += *number * unit->second;
    next = unit + 1;
    text.remove_prefix(1);
  }
  if (!(seconds > 0 && seconds <= longest)) return {};
  return seconds;
}

std::optional<int64_t> parse_byte_size(std::string_view text) {
  constexpr std::pair<std::string_view, double> units[] = {
      {"", 1},     {"B", 1},    {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40},
      {"KB", 1e3}, {"kB", 1e3}, {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12}};
  const std::optional<double> number = take_number(text);
  if (!number) return {};
  while (text.starts_with(' ')) text.remove_prefix(1);
  for (const auto& [name, size] : units) {
    if (text != name) continue;
    const double bytes = std::floor(*number * size);
    if (!(bytes >= 1 && bytes <= largest)) return {};
    return static_cast<int64_t>(bytes);
  }
  return {};
}

}  // namespace gradus
