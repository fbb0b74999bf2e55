// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

TEST(Hanging, for_ever) {
  for (;;) {
    pause();
  }
}
