// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// [parse]
int parse(const std::string& text) {
  return std::stoi(text);
}  // raises std::invalid_argument
// [parse]

void where_it_was_raised() {
  coeval::ProcessPoolExecutor processes({.max_workers = 1});
  // [stack]
  const coeval::Future<int> number = processes.submit(parse, "two");
  if (number.exception() != nullptr) {
    std::printf("%s\n%s\n", coeval::describe(number.exception()).c_str(),
                number.error_stack().c_str());  // at parse (errors.cpp:24)
  }
  // [stack]
  EXPECT(!number.error_stack().empty());
}

void map_goes_on() {
  coeval::ThreadPoolExecutor pool;
  int good = 0;
  // [map]
  const std::vector<std::string> texts = {"1", "two", "3"};
  auto numbers = pool.map(parse, texts);
  for (auto each = numbers.begin(); each != numbers.end(); ++each) {
    try {
      good += *each;
    } catch (const std::invalid_argument&) {
      std::puts("one is not a number");  // the loop goes on with "3"
    }
  }
  // [map]
  EXPECT(good == 4);
}

void first_failure() {
  coeval::ThreadPoolExecutor pool;
  const std::vector futures = {pool.submit(parse, "1"), pool.submit(parse, "two")};
  bool failed = false;
  // [first]
  const auto [done, not_done] = coeval::wait(futures, coeval::ReturnWhen::first_exception);
  for (const coeval::Future<int>& future : done) {
    if (!future.cancelled() && future.exception() != nullptr) {
      std::puts(coeval::describe(future.exception()).c_str());
      failed = true;
    }
  }
  for (const coeval::Future<int>& future : not_done) {
    future.stop();
  }
  // [first]
  EXPECT(failed);
}

// [log]
void to_our_log(coeval::Severity, std::string_view source, std::string_view text) {
  std::printf("%.*s: %.*s\n", static_cast<int>(source.size()), source.data(),
              static_cast<int>(text.size()), text.data());
}
// [log]

void callbacks() {
  coeval::InlineExecutor pool;
  // [callback]
  coeval::set_log_handler(to_our_log);
  pool.submit(parse, "1").add_done_callback([](const coeval::Future<int>&) {
    throw std::runtime_error("callback failed");
  });
  coeval::set_log_handler(nullptr);  // standard error again
  // [callback]
}

void broken_pool() {
  // [initializer]
  coeval::ThreadPoolExecutor pool({.thread_name_prefix = "db"},
                                  [] { throw std::runtime_error("no database"); });
  try {
    pool.submit(parse, "1").result();
  } catch (const coeval::BrokenThreadPool& error) {
    std::puts(error.what());  // pool 'db' is broken: its initializer failed …
  }
  // [initializer]
  EXPECT(pool.stats().completed == 0);
}

int main() {
  where_it_was_raised();
  map_goes_on();
  first_failure();
  callbacks();
  broken_pool();
}
