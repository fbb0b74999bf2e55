// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <cerrno>
#include <system_error>

// [table]
int no_threads(pthread_t*, std::size_t, void* (*)(void*), void*) noexcept {
  return EAGAIN;
}
// [table]

int main() {
  bool refused = false;
  // [replace]
  coeval::SystemCalls table = coeval::kernel();
  table.thread_create = no_threads;
  const coeval::SystemCalls& before = coeval::replace_system_calls(table);
  coeval::ThreadPoolExecutor pool;
  try {
    pool.submit([] {});
  } catch (const std::system_error&) {
    refused = true;  // the task was not queued
  }
  coeval::replace_system_calls(before);
  // [replace]
  EXPECT(refused);
}
