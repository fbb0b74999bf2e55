// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <string>

struct Account {
  int balance = 0;
};

int main() {
  coeval::ThreadPoolExecutor pool({.max_workers = 4});
  // [post]
  pool.submit([] { /* nobody waits for it */ });
  coeval::Future<int> answer = pool.submit([] { return 42; });
  // [post]
  EXPECT(answer.result() == 42);

  // [strand]
  coeval::ThreadPoolExecutor one_at_a_time({.max_workers = 1});
  Account account;
  for (int i = 0; i < 100; ++i) {
    one_at_a_time.submit([&account] { ++account.balance; });  // no lock: one thread, in order
  }
  one_at_a_time.shutdown();
  // [strand]
  EXPECT(account.balance == 100);

  // [stop]
  pool.shutdown({.cancel_futures = true});  // pool.stop(); pool.join();
  // [stop]
}
