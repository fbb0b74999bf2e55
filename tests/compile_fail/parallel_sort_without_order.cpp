// expect: coeval::parallel_sort: the elements must be movable, and the comparison must
// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/parallel_sort.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <vector>

struct Person {
  int age;
};

void test(coeval::ThreadPoolExecutor& pool, std::vector<Person>& people) {
  coeval::parallel_sort(pool, people);
}
