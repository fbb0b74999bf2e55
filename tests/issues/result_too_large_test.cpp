// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A result is bounded: what a process has gone wild with must not use up the memory of its pool's.

#include <coeval/core/errors.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/futures/futures.hpp>
#include <coeval/pickle/archive.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstddef>
#include <vector>

namespace {

using coeval::ProcessPoolExecutor;

constexpr std::size_t most = std::size_t{1} << 30;  // docs/reference/executors.md

// A value that takes so many bytes when it is pickled, and next to nothing as long as those are not there.
class Claim {
 public:
  explicit Claim(std::size_t size) : size_(size) {}
  std::size_t size() const { return size_; }

  void save(coeval::pickle::OutputArchive& archive) const {
    archive(size_);
    archive.reserve(size_);
  }
  static Claim load(coeval::pickle::InputArchive& archive) {
    return Claim(archive.read<std::size_t>());
  }

 private:
  std::size_t size_;
};

Claim claim(std::size_t size) {
  return Claim(size);
}
int own_pid() {
  return ::getpid();
}

TEST(ResultTooLarge, is_an_error_of_its_task_alone) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const int pid = pool.submit(own_pid).result();
  EXPECT_THROW(pool.submit(claim, most).result(), coeval::ValueError);
  EXPECT_THROW(pool.submit(claim, 40 * most).result(), coeval::ValueError);
  EXPECT_EQ(pool.submit(claim, most / 64).result().size(), most / 64);
  EXPECT_EQ(pool.submit(own_pid).result(), pid);
}

// The elements of a chunk are bounded one by one.
TEST(ResultTooLarge, is_an_error_of_its_element_alone) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const std::vector<std::size_t> sizes{10, most, 100'000, 40 * most, 20};
  auto results = pool.map({.chunksize = 5}, claim, sizes);
  std::size_t i = 0;
  for (auto it = results.begin(); it != results.end(); ++it, ++i) {
    if (sizes[i] >= most) {
      EXPECT_THROW(static_cast<void>(*it), coeval::ValueError);
    } else {
      EXPECT_EQ((*it).size(), sizes[i]);
    }
  }
  EXPECT_EQ(i, sizes.size());
}

}  // namespace
