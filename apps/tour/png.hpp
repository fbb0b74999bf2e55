// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pictures.hpp"

#include <string>
#include <string_view>

namespace tour {

// decode() and encode() for PNG, by libpng.
Picture decode_png(std::string_view bytes);
std::string encode_png(const Picture& picture);

// The same as encode_png, with a private chunk at which decode_png follows a null pointer.
std::string encode_png_that_crashes(const Picture& picture);

}  // namespace tour
