// expect: ThreadPoolExecutor
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/thread_pool_executor.hpp>

void test() {
  coeval::ThreadPoolExecutor pool(3);
}
