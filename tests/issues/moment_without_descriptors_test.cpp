// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A moment in which a process has no descriptors left costs the tasks of that moment, which say so, and
// none that comes later.

#include "support/sanitizers.hpp"

#include <coeval/core/file_descriptor.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/futures/futures.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

namespace {

using coeval::FileDescriptor;
using coeval::Future;
using coeval::ProcessPoolExecutor;

constexpr std::size_t large = 1'000'000;

std::vector<char> make(std::size_t size) {
  return std::vector<char>(size, 'x');
}
std::size_t measure(const std::vector<char>& bytes) {
  return bytes.size();
}
FileDescriptor open_null() {
  return FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}
bool is_open(const FileDescriptor& descriptor) {
  return ::fcntl(descriptor.get(), F_GETFD) >= 0;
}

// While it lives this process has no descriptor left.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (FileDescriptor one = open_null(); one; one = open_null()) {
      used_.push_back(std::move(one));
    }
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() {
    used_.clear();
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_{};
  std::vector<FileDescriptor> used_;
};

template <class T>
int code_of(const Future<T>& future) {
  try {
    static_cast<void>(future.result());
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

TEST(MomentWithoutDescriptors, of_the_program_costs_the_large_results_of_that_moment) {
  if (support::under_sanitizer) {
    GTEST_SKIP() << "a sanitizer needs descriptors, to look at memory and threads";
  }
  ProcessPoolExecutor pool({.max_workers = 1});
  ASSERT_EQ(pool.submit(make, 10).result().size(), 10U);
  {
    const NoDescriptors now;
    EXPECT_EQ(code_of(pool.submit(make, large)), EMFILE);
    EXPECT_EQ(code_of(pool.submit(make, large)), EMFILE);
    EXPECT_EQ(pool.submit(make, 10).result().size(), 10U);
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(pool.submit(make, large).result().size(), large);
  }
}

TEST(MomentWithoutDescriptors, of_the_program_costs_the_handles_of_that_moment) {
  if (support::under_sanitizer) {
    GTEST_SKIP() << "a sanitizer needs descriptors, to look at memory and threads";
  }
  ProcessPoolExecutor pool({.max_workers = 1});
  ASSERT_TRUE(is_open(pool.submit(open_null).result()));
  {
    const NoDescriptors now;
    EXPECT_EQ(code_of(pool.submit(open_null)), EMFILE);
    EXPECT_EQ(code_of(pool.submit(open_null)), EMFILE);
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(is_open(pool.submit(open_null).result()));
  }
}

std::unique_ptr<NoDescriptors> of_this_worker;

int use_up() {
  of_this_worker = std::make_unique<NoDescriptors>();
  return 0;
}
int give_back() {
  of_this_worker.reset();
  return 0;
}

TEST(MomentWithoutDescriptors, of_a_worker_costs_the_tasks_of_that_moment) {
  if (support::under_sanitizer) {
    GTEST_SKIP() << "a sanitizer needs descriptors, to look at memory and threads";
  }
  ProcessPoolExecutor pool({.max_workers = 1});
  pool.submit(use_up).result();
  EXPECT_EQ(code_of(pool.submit(measure, make(large))), EMFILE);
  EXPECT_EQ(code_of(pool.submit(is_open, open_null())), EMFILE);
  EXPECT_EQ(pool.submit(measure, make(10)).result(), 10U);
  pool.submit(give_back).result();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(pool.submit(measure, make(large)).result(), large);
    EXPECT_TRUE(pool.submit(is_open, open_null()).result());
  }
}

}  // namespace
