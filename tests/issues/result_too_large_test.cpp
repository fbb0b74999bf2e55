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
#include <stdexcept>
#include <string>
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

std::string text_of(std::size_t size) {
  return std::string(size, 'x');
}
std::string raise_text_of(std::size_t size) {
  throw std::runtime_error(text_of(size));
}

TEST(ResultTooLarge, is_one_beyond_what_the_pool_was_given) {
  constexpr std::size_t bound = std::size_t{2} << 20;
  ProcessPoolExecutor pool({.max_workers = 1, .max_result_size = bound});
  const int pid = pool.submit(own_pid).result();
  EXPECT_EQ(pool.submit(text_of, bound - 100).result(), text_of(bound - 100));
  try {
    pool.submit(text_of, bound + 1).result();
    ADD_FAILURE() << "a result of more than the bound";
  } catch (const coeval::ValueError& error) {
    EXPECT_NE(std::string(error.what()).find("more than 2097152 bytes, the pool's max_result_size"),
              std::string::npos)
        << error.what();
  }
  EXPECT_EQ(pool.submit(own_pid).result(), pid);
}

TEST(ResultTooLarge, may_be_the_text_of_an_error) {
  constexpr std::size_t bound = std::size_t{1} << 20;
  ProcessPoolExecutor pool({.max_workers = 1, .max_result_size = bound});
  const int pid = pool.submit(own_pid).result();
  EXPECT_THROW(pool.submit(raise_text_of, bound / 2).result(), std::runtime_error);
  try {
    pool.submit(raise_text_of, bound + 1).result();
    ADD_FAILURE() << "no error";
  } catch (const coeval::RuntimeError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("the task raised std::runtime_error: xxx"), std::string::npos);
    EXPECT_NE(text.find("which cannot cross"), std::string::npos);
  }
  EXPECT_EQ(pool.submit(own_pid).result(), pid);
}

}  // namespace
