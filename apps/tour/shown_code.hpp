// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tour {

// The lines of the tour's own source between a comment that ends in "shown: NAME" and one that ends
// in "shown: end", without their indentation. What the tour prints is thus what it runs.
// std::logic_error if there are no such lines.
std::string shown_code(std::string_view name);

}  // namespace tour
