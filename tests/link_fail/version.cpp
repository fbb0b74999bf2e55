// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The smallest program that needs the library.

#include <coeval/version.hpp>

int main() {
  return coeval::coeval_version() == nullptr ? 1 : 0;
}
