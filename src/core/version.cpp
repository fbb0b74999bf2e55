// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/version.hpp>

#define COEVAL_TEXT_OF(x) #x
#define COEVAL_TEXT(x) COEVAL_TEXT_OF(x)

namespace coeval {

const char* coeval_version() noexcept {
  return COEVAL_TEXT(COEVAL_VERSION_MAJOR) "." COEVAL_TEXT(COEVAL_VERSION_MINOR) "." COEVAL_TEXT(
      COEVAL_VERSION_PATCH);
}

}  // namespace coeval
