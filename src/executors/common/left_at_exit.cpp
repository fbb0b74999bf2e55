// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/common/left_at_exit.hpp"

namespace coeval::detail {
namespace {

constinit thread_local LeftAtExit* innermost = nullptr;

}  // namespace

LeftAtExit::LeftAtExit() noexcept : outer_(std::exchange(innermost, this)) {}

LeftAtExit::~LeftAtExit() {
  innermost = outer_;
}

void LeftAtExit::do_all() noexcept {
  for (LeftAtExit* left = innermost; left != nullptr; left = left->outer_) {
    left->go_on();
  }
}

}  // namespace coeval::detail
