// expect: coeval::atomic: the type is too large for an atomic of this machine
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/atomic.hpp>

struct Large {
  char bytes[64];
};

coeval::atomic<Large> large;
