// expect: coeval::pickle: a view would refer to bytes that are gone
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/pickle/pickle.hpp>

#include <span>

void test(const coeval::pickle::Bytes& bytes) {
  static_cast<void>(coeval::pickle::loads<std::span<const int>>(bytes));
}
