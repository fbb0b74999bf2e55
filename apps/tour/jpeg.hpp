// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pictures.hpp"

#include <string>
#include <string_view>

namespace tour {

// decode() and encode() for JPEG, by libjpeg.
Picture decode_jpeg(std::string_view bytes);
std::string encode_jpeg(const Picture& picture);

}  // namespace tour
