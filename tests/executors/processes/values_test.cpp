// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What crosses to the processes of a pool and back: views, large values, handles, errors.

#include "executors/processes/support.hpp"

#include <coeval/core/file_descriptor.hpp>
#include <coeval/executors/make_executor.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include <coeval/multiprocessing/shared_array.hpp>
#include <coeval/pickle/pickle.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::Future;
using coeval::PickleError;
using coeval::ProcessPoolExecutor;
using coeval::multiprocessing::Queue;
using coeval::multiprocessing::SharedArray;

// ---- views ------------------------------------------------------------------------------------------------

// Zero if the elements are not where their type wants them.
double sum(std::span<const double> values) {
  if (reinterpret_cast<std::uintptr_t>(values.data()) % 64 != 0) {
    return 0;
  }
  return std::accumulate(values.begin(), values.end(), 0.0);
}
double sum_of_two(const std::string& before, std::span<const double> a, std::string_view between,
                  std::span<const double> b) {
  return static_cast<double>(before.size() + between.size()) * 1000 + sum(a) + sum(b);
}
std::size_t letters(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), 'a'));
}

std::vector<double> numbers(std::size_t count) {
  std::vector<double> all(count);
  std::iota(all.begin(), all.end(), 1.0);
  return all;
}

class ProcessValues : public testing::Test {
 protected:
  ProcessPoolExecutor pool_{{.max_workers = 2}};
};

TEST_F(ProcessValues, a_span_parameter_is_an_aligned_view_of_what_was_sent) {
  for (const std::size_t count : {0U, 1U, 7U, 1000U, 20'000U, 1'000'000U}) {
    const std::vector<double> all = numbers(count);
    const auto n = static_cast<double>(count);
    EXPECT_EQ(pool_.submit(sum, all).result(), n * (n + 1) / 2) << count;
    const std::span<const double> half = std::span(all).subspan(count / 2);
    EXPECT_EQ(pool_.submit(sum, half).result(), std::accumulate(half.begin(), half.end(), 0.0))
        << count;
  }
}

TEST_F(ProcessValues, views_lie_beside_other_arguments) {
  EXPECT_EQ(
      pool_.submit(sum_of_two, std::string("abc"), numbers(10), std::string("de"), numbers(20))
          .result(),
      5000 + 55 + 210);
}

TEST_F(ProcessValues, a_string_view_parameter_views_any_text) {
  EXPECT_EQ(pool_.submit(letters, "banana").result(), 3U);
  EXPECT_EQ(pool_.submit(letters, std::string("banana")).result(), 3U);
  EXPECT_EQ(pool_.submit(letters, std::string_view("banana").substr(2)).result(), 2U);
  EXPECT_EQ(pool_.submit(letters, std::string(3'000'000, 'a')).result(), 3'000'000U);
  EXPECT_EQ(pool_.submit(letters, std::string()).result(), 0U);
}

TEST_F(ProcessValues, views_of_several_tasks_are_of_their_own_values) {
  std::vector<Future<double>> futures;
  for (std::size_t i = 0; i < 500; ++i) {
    futures.push_back(pool_.submit(sum, numbers(i * 7)));
  }
  for (std::size_t i = 0; i < 500; ++i) {
    const auto n = static_cast<double>(i * 7);
    EXPECT_EQ(futures[i].result(), n * (n + 1) / 2);
  }
}

// ---- sizes ------------------------------------------------------------------------------------------------

std::vector<std::uint32_t> counted(std::size_t count, std::uint32_t from) {
  std::vector<std::uint32_t> all(count);
  std::iota(all.begin(), all.end(), from);
  return all;
}
std::vector<std::uint32_t> reversed(std::vector<std::uint32_t> values) {
  return {values.rbegin(), values.rend()};
}

TEST_F(ProcessValues, of_any_size_go_both_ways) {
  for (const std::size_t bytes : {4U, 4'000U, 4'096U, 30'000U, 64'000U, 65'536U, 128U << 10,
                                  256U << 10, 300'000U, 1'000'000U, 50'000'000U, 1'000U}) {
    const std::vector<std::uint32_t> values = counted(bytes / 4, 7);
    EXPECT_EQ(pool_.submit(reversed, values).result(), reversed(values)) << bytes;
  }
}

TEST_F(ProcessValues, many_results_of_100_kilobytes_may_be_outstanding) {
  std::vector<Future<std::vector<std::uint32_t>>> futures;
  for (std::uint32_t i = 0; i < 500; ++i) {
    futures.push_back(pool_.submit(counted, std::size_t{25'000}, i));
  }
  wait(futures);
  for (std::uint32_t i = 0; i < 500; ++i) {
    EXPECT_EQ(futures[i].result(), counted(25'000, i));
  }
}

TEST_F(ProcessValues, of_changing_sizes_are_not_mixed_up) {
  std::vector<Future<std::vector<std::uint32_t>>> futures;
  const auto size = [](std::uint32_t i) { return std::size_t{i} * i * 7919 % 120'000; };
  for (std::uint32_t i = 0; i < 600; ++i) {
    futures.push_back(pool_.submit(reversed, counted(size(i), i)));
  }
  for (std::uint32_t i = 0; i < 600; ++i) {
    EXPECT_EQ(futures[i].result(), reversed(counted(size(i), i)));
  }
}

// ---- handles ----------------------------------------------------------------------------------------------

TEST_F(ProcessValues, a_shared_array_is_the_same_in_all_processes) {
  const SharedArray<long> squares(1000);
  const auto fill = [](SharedArray<long> all, std::size_t i) { all[i] = static_cast<long>(i * i); };
  std::vector<Future<void>> futures;
  for (std::size_t i = 0; i < squares.size(); ++i) {
    futures.push_back(pool_.submit(fill, squares, i));
  }
  for (const Future<void>& future : futures) {
    future.result();
  }
  for (std::size_t i = 0; i < squares.size(); ++i) {
    EXPECT_EQ(squares[i], static_cast<long>(i * i));
  }
}

TEST_F(ProcessValues, a_queue_connects_tasks_with_this_process) {
  const Queue<int> questions;
  const Queue<int> answers;
  const auto serve = [](const Queue<int>& in, const Queue<int>& out) {
    int served = 0;
    for (int n = in.get(); n != 0; n = in.get()) {
      out.put(n * n);
      ++served;
    }
    return served;
  };
  const auto server = pool_.submit(serve, questions, answers);
  for (int i = 1; i <= 50; ++i) {
    questions.put(i);
    EXPECT_EQ(answers.get(), i * i);
  }
  questions.put(0);
  EXPECT_EQ(server.result(), 50);
}

TEST_F(ProcessValues, a_handle_may_be_a_result) {
  const auto make = [](int n) {
    SharedArray<int> made(10);
    made[3] = n;
    return made;
  };
  EXPECT_EQ(pool_.submit(make, 5).result()[3], 5);
  std::vector<Future<SharedArray<int>>> futures;
  for (int i = 0; i < 100; ++i) {
    futures.push_back(pool_.submit(make, i));
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(futures[static_cast<std::size_t>(i)].result()[3], i);
  }
}

TEST_F(ProcessValues, descriptors_go_both_ways) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const coeval::FileDescriptor reading(ends[0]);
  coeval::FileDescriptor writing(ends[1]);
  const auto write_and_return = [](coeval::FileDescriptor file) {
    if (::write(file.get(), "task", 4) != 4) {
      throw std::runtime_error("write");
    }
    return file;
  };
  coeval::Future<coeval::FileDescriptor> future =
      pool_.submit(write_and_return, std::move(writing));
  const coeval::FileDescriptor back = future.take();
  EXPECT_EQ(::write(back.get(), "!", 1), 1);
  char text[6] = "";
  EXPECT_EQ(::read(reading.get(), text, 5), 5);
  EXPECT_STREQ(text, "task!");
}

TEST_F(ProcessValues, leave_no_descriptor_behind) {
  const auto work = [] {
    ProcessPoolExecutor pool({.max_workers = 2});
    std::vector<Future<std::vector<std::uint32_t>>> futures;
    const SharedArray<long> array(10);
    for (std::uint32_t i = 0; i < 50; ++i) {
      futures.push_back(pool.submit(reversed, counted(i * 5000, 1)));
      pool.submit([](const SharedArray<long>& there) { return there; }, array);
    }
    for (const auto& future : futures) {
      future.wait();
    }
  };
  work();
  const long before = open_descriptors();
  for (int i = 0; i < 5; ++i) {
    work();
  }
  until([before] { return open_descriptors() <= before; });
}

// ---- errors -----------------------------------------------------------------------------------------------

struct UnreadableResult {
  int n = 0;
  void save(coeval::pickle::OutputArchive& archive) const { archive(n); }
  static UnreadableResult load(coeval::pickle::InputArchive& archive) {
    const int n = archive.read<int>();
    if (n % 10 == 3) {
      throw std::domain_error("a load that fails");
    }
    return {n};
  }
};
struct UnwritableResult {
  void save(coeval::pickle::OutputArchive&) const { throw std::domain_error("a save that fails"); }
  static UnwritableResult load(coeval::pickle::InputArchive&) { return {}; }
};
int number_of(const UnreadableResult& value) {
  return value.n;
}

TEST_F(ProcessValues, a_result_that_cannot_be_read_fails_its_task_only) {
  std::vector<Future<UnreadableResult>> futures;
  for (int i = 0; i < 100; ++i) {
    futures.push_back(pool_.submit([](int n) { return UnreadableResult{n}; }, i));
  }
  for (int i = 0; i < 100; ++i) {
    const Future<UnreadableResult>& future = futures[static_cast<std::size_t>(i)];
    if (i % 10 == 3) {
      EXPECT_EQ(text_of<std::domain_error>(future), "a load that fails");
    } else {
      EXPECT_EQ(future.result().n, i);
    }
  }
}

TEST_F(ProcessValues, an_argument_that_cannot_be_read_fails_its_task_only) {
  EXPECT_EQ(text_of<std::domain_error>(pool_.submit(number_of, UnreadableResult{13})),
            "a load that fails");
  EXPECT_EQ(pool_.submit(number_of, UnreadableResult{14}).result(), 14);
}

TEST_F(ProcessValues, a_result_that_cannot_be_written_fails_its_task_only) {
  EXPECT_EQ(text_of<std::domain_error>(pool_.submit([] { return UnwritableResult(); })),
            "a save that fails");
  EXPECT_EQ(pool_.submit(square, 3).result(), 9);
}

TEST_F(ProcessValues, an_argument_that_cannot_be_written_fails_submit) {
  EXPECT_THROW(pool_.submit([](const UnwritableResult&) {}, UnwritableResult()), std::domain_error);
  EXPECT_EQ(pool_.submit(square, 3).result(), 9);
}

struct OwnError {
  int code = 0;
};
struct ErrorOfTheProgram : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[gnu::noinline]] void raise_of_the_program() {
  throw ErrorOfTheProgram("deep down");
}
[[gnu::noinline]] int raise_out_of_range(int n) {
  throw std::out_of_range("no row " + std::to_string(n));
}

TEST_F(ProcessValues, errors_come_back_with_type_text_and_stack) {
  EXPECT_EQ(text_of<std::out_of_range>(pool_.submit(raise_out_of_range, 7)), "no row 7");
  const auto own = pool_.submit([] { throw ErrorOfTheProgram("of its own"); });
  const std::string text = text_of<coeval::RemoteError>(own);
  EXPECT_NE(text.find("ErrorOfTheProgram"), std::string::npos) << text;
  EXPECT_NE(text.find("of its own"), std::string::npos) << text;
  EXPECT_THROW(pool_.submit([] { throw OwnError{3}; }).result(), coeval::RemoteError);
  EXPECT_THROW(pool_.submit([] { throw 3; }).result(), coeval::RemoteError);
}

TEST_F(ProcessValues, a_remote_error_has_the_stack_of_its_throw) {
  const auto future = pool_.submit(raise_of_the_program);
  try {
    future.result();
    FAIL() << "nothing was raised";
  } catch (const coeval::RemoteError& error) {
    EXPECT_NE(error.stack().find("raise_of_the_program"), std::string::npos) << error.stack();
  }
}

// Those of a map too, and those of tasks that are kept in a chunk.
TEST_F(ProcessValues, every_error_tells_where_it_was_raised) {
  const auto future = pool_.submit(raise_out_of_range, 7);
  EXPECT_NE(future.error_stack().find("raise_out_of_range"), std::string::npos)
      << future.error_stack();
  EXPECT_NE(pool_.submit(raise_of_the_program).error_stack().find("raise_of_the_program"),
            std::string::npos);
  EXPECT_EQ(pool_.submit(square, 3).error_stack(), "");
  auto results = pool_.map({.chunksize = 3}, raise_out_of_range, std::vector<int>{1, 2, 3});
  int count = 0;
  for (auto each = results.begin(); each != results.end(); ++each) {
    try {
      *each;
    } catch (const std::out_of_range& error) {
      ++count;
      EXPECT_EQ(error.what(), "no row " + std::to_string(count));
      const std::string stack = coeval::error_stack(std::current_exception());
      EXPECT_NE(stack.find("raise_out_of_range"), std::string::npos) << stack;
    }
  }
  EXPECT_EQ(count, 3);
}

TEST_F(ProcessValues, an_error_with_a_large_text_comes_back_whole) {
  const auto raise = [](std::size_t size) { throw std::runtime_error(std::string(size, 'e')); };
  for (const std::size_t size : {10U, 5'000U, 1'000'000U}) {
    EXPECT_EQ(text_of<std::runtime_error>(pool_.submit(raise, size)).size(), size);
  }
}

// ---- chains -----------------------------------------------------------------------------------------------

// The file of a large result takes a descriptor, and to send it takes another one.
TEST_F(ProcessValues, a_result_that_cannot_be_sent_is_an_error_of_its_task) {
  if (support::under_address_sanitizer) {
    GTEST_SKIP() << "its fellow for undefined behaviour checks virtual calls by way of a pipe";
  }
  ProcessPoolExecutor pool({.max_workers = 1});
  const auto large = pool.submit([] {
    std::vector<int> all;
    while (all.empty() || all.back() >= 0) {
      all.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
    ::close(all.front());
    return std::string(1'000'000, 'x');
  });
  try {
    static_cast<void>(large.result());
    ADD_FAILURE() << "nothing was raised";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::too_many_files_open);
  }
  EXPECT_EQ(pool.submit(square, 3).result(), 9);
}

TEST_F(ProcessValues, then_goes_on_in_the_pool_with_the_result) {
  const auto chain = pool_.submit(counted, std::size_t{100'000}, 1U)
                         .then(pool_, reversed)
                         .then(pool_, [](const std::vector<std::uint32_t>& all) {
                           return std::pair<int, std::uint32_t>(::getpid(), all.front());
                         });
  EXPECT_NE(chain.result().first, ::getpid());
  EXPECT_EQ(chain.result().second, 100'000U);
}

TEST_F(ProcessValues, then_is_not_called_after_a_death) {
  const auto chain = pool_.submit([] { ::_exit(3); }).then(pool_, [] { return 1; });
  EXPECT_THROW(chain.result(), coeval::WorkerDied);
  const auto dies_later = pool_.submit(square, 3).then(pool_, [](int n) {
    ::_exit(n);
    return 0;
  });
  EXPECT_THROW(dies_later.result(), coeval::WorkerDied);
}

}  // namespace
}  // namespace process_pool_test
