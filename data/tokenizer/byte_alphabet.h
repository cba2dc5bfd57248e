// SPDX-License-Identifier: Apache-2.0
// GPT-2's printable stand-ins for the 256 bytes (Radford et al. 2019, `bytes_to_unicode`): bytes
// that Latin-1 prints stand for themselves, the others for U+0100 and on in their order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

char32_t code_point_of_byte(uint8_t byte);
// None where the code point stands for no byte.
std::optional<uint8_t> byte_of_code_point(char32_t code);

// Each byte's stand-in, in UTF-8, behind `out`.
void append_byte_alphabet(std::string_view bytes, std::string& out);
// The bytes that a token stands for; none where one of its code points stands for no byte.
std::optional<std::string> bytes_of_alphabet(std::string_view token);

}  // namespace gradus
