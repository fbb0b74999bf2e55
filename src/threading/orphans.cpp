// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "threading/orphans.hpp"

#include "threading/thread_registry.hpp"

namespace coeval::threading::detail {
namespace {

constinit thread_local unsigned keepers = 0;

}  // namespace

void join_orphans() noexcept {
  ThreadRegistry::get().reap_orphans();
}

KeepOrphans::KeepOrphans() noexcept {
  ++keepers;
}
KeepOrphans::~KeepOrphans() {
  --keepers;
}

bool KeepOrphans::on_this_thread() noexcept {
  return keepers != 0;
}

}  // namespace coeval::threading::detail
