// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace tour {

using Sha256 = std::array<unsigned char, 32>;

// Thread-safe. std::runtime_error if OpenSSL cannot.
Sha256 sha256(std::string_view bytes);

}  // namespace tour
