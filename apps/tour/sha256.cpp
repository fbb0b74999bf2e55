// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "sha256.hpp"

#include <openssl/evp.h>

#include <stdexcept>

namespace tour {

Sha256 sha256(std::string_view bytes) {
  Sha256 digest;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL cannot compute a SHA-256");
  }
  return digest;
}

}  // namespace tour
