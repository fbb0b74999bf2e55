// expect: coeval::pickle: this type cannot be pickled
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/pickle/pickle.hpp>

class Secret {
 public:
  int value() const { return value_; }

 private:
  int value_ = 0;
};

void test() {
  static_cast<void>(coeval::pickle::dumps(Secret()));
}
