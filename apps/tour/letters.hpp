// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace tour {

inline constexpr int letter_width = 5;
inline constexpr int letter_height = 7;

// The rows of a letter from the top, of which the lowest five bits are the pixels, the leftmost the
// highest. What is not an ASCII letter, a digit or one of ".-_/ " is a box.
std::array<std::uint8_t, letter_height> letter(char c);

}  // namespace tour
