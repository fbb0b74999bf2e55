// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Processes move money between two accounts under a lock. One dies in the middle of it; the next
// one is told, and mends the accounts from the journal.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <cstdlib>

namespace multiprocessing = coeval::multiprocessing;

struct Accounts {
  int from;
  int to;
  int moving;  // the journal: what has left one account and not come to the other
  int mended;
};

Accounts& accounts_in(const multiprocessing::SharedMemory& memory) {
  return *reinterpret_cast<Accounts*>(memory.data());
}

void move_money(multiprocessing::Lock lock, multiprocessing::SharedMemory memory, bool dies) {
  Accounts& accounts = accounts_in(memory);
  const auto mend = [&accounts] {
    accounts.from += accounts.moving;
    accounts.moving = 0;
    ++accounts.mended;
  };
  lock.acquire_or_repair(mend);
  accounts.moving = 100;
  accounts.from -= 100;
  if (dies) {
    std::_Exit(1);
  }
  accounts.to += 100;
  accounts.moving = 0;
  lock.release();
}

int main() {
  const multiprocessing::Lock lock;
  const multiprocessing::SharedMemory memory(sizeof(Accounts));
  accounts_in(memory).from = 1000;
  for (const bool dies : {false, true, false}) {
    multiprocessing::Process process(move_money, lock, memory, dies);
    process.start();
    process.join();
    std::printf("a process ended with %d\n", process.exitcode().value());
  }
  const coeval::threading::Guard guard(lock);
  const auto& [from, to, moving, mended] = accounts_in(memory);
  std::printf("%d + %d = %d, mended: %d\n", from, to, from + to, mended);
}
