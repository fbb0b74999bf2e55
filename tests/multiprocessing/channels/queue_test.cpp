// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/queue.hpp>

#include <coeval/core/file_descriptor.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/threading/thread.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;

TEST(Queue, gives_values_in_the_order_in_which_they_were_put) {
  const Queue<std::string> queue;
  queue.put("a");
  queue.put("");
  queue.put(std::string(5000, 'b'));
  EXPECT_EQ(queue.qsize(), 3U);
  EXPECT_EQ(queue.get(), "a");
  EXPECT_EQ(queue.get(), "");
  EXPECT_EQ(queue.get(), std::string(5000, 'b'));
  EXPECT_TRUE(queue.empty());
}

// CPython's test_put.
TEST(Queue, a_full_queue_refuses_until_something_is_taken) {
  const Queue<int> queue(2);
  EXPECT_FALSE(queue.full());
  queue.put(1);
  queue.put_nowait(2);
  EXPECT_TRUE(queue.full());
  const Deadline deadline = 10ms;
  EXPECT_THROW(queue.put(3, deadline), QueueFull);
  EXPECT_TRUE(deadline.expired());
  EXPECT_THROW(queue.put_nowait(3), QueueFull);
  EXPECT_FALSE(queue.try_put(3));
  EXPECT_EQ(queue.get(), 1);
  EXPECT_TRUE(queue.try_put(3));
  EXPECT_EQ(queue.get(), 2);
  EXPECT_EQ(queue.get(), 3);
}

// CPython's test_get and test_timeout.
TEST(Queue, an_empty_queue_has_nothing_until_something_is_put) {
  const Queue<int> queue;
  const Deadline deadline = 10ms;
  EXPECT_THROW(queue.get(deadline), QueueEmpty);
  EXPECT_TRUE(deadline.expired());
  EXPECT_THROW(queue.get_nowait(), QueueEmpty);
  EXPECT_EQ(queue.try_get(), std::nullopt);
  queue.put(7);
  EXPECT_EQ(queue.try_get(), 7);
}

// CPython's test_closed_queue_put_get_exceptions.
TEST(Queue, a_closed_handle_refuses_everything_and_its_copies_do_not) {
  Queue<int> queue;
  const Queue<int> copy = queue;
  queue.put(1);
  queue.close();
  queue.close();
  EXPECT_TRUE(queue.closed());
  EXPECT_THROW(queue.put(2), ValueError);
  EXPECT_THROW(queue.get(), ValueError);
  EXPECT_THROW(queue.qsize(), ValueError);
  EXPECT_THROW(pickle::dumps_parcel(queue), ValueError);
  EXPECT_EQ(to_string(queue), "<Queue closed>");
  EXPECT_EQ(copy.get(), 1);
}

TEST(Queue, says_what_it_holds) {
  EXPECT_EQ(to_string(Queue<int>()), "<Queue 0 values>");
  const Queue<int> bounded(3);
  bounded.put(1);
  EXPECT_EQ(to_string(bounded), "<Queue 1/3 values>");
  EXPECT_EQ(bounded.maxsize(), 3U);
  EXPECT_THROW(Queue<int>(std::size_t{1} << 32), ValueError);
}

TEST(Queue, a_bounded_put_waits_for_room) {
  const Queue<int> queue(1);
  threading::Thread writer([&] {
    for (int i = 0; i < 1000; ++i) {
      queue.put(i);
    }
  });
  writer.start();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(queue.get(), i);
  }
  writer.join();
}

// Values of all sizes go round the end of a ring at every place, and the rings grow.
TEST(Queue, keeps_values_of_all_sizes_whole) {
  const Queue<std::vector<std::uint32_t>> queue;
  std::uint32_t put = 0;
  std::uint32_t taken = 0;
  const auto value = [](std::uint32_t n) { return std::vector<std::uint32_t>(n * 7919 % 3000, n); };
  for (std::uint32_t round = 0; round < 300; ++round) {
    for (std::uint32_t i = 0; i < round % 60; ++i) {
      queue.put(value(put++));
    }
    while (taken < put && taken % 37 != round % 37) {
      ASSERT_EQ(queue.get(), value(taken)) << taken;
      ++taken;
    }
  }
  for (; taken < put; ++taken) {
    ASSERT_EQ(queue.get(), value(taken)) << taken;
  }
  EXPECT_TRUE(queue.empty());
}

TEST(Queue, takes_values_that_are_larger_than_all_before) {
  const Queue<std::string> queue(3);
  for (const std::size_t size : {1UL, 300'000UL, 3UL, 20'000'000UL, 5UL}) {
    queue.put("small");
    queue.put(std::string(size, 'x'));
    EXPECT_EQ(queue.get(), "small");
    EXPECT_EQ(queue.get(), std::string(size, 'x'));
  }
}

void echo(Queue<std::string> in, Queue<std::string> out) {
  for (std::string text = in.get(); !text.empty(); text = in.get()) {
    out.put(text);
  }
}

TEST(Queue, joins_processes) {
  const Queue<std::string> in(2);
  const Queue<std::string> out;
  Process process(echo, in, out);
  process.start();
  for (const std::size_t size : {1UL, 100UL, 1'000'000UL, 2UL}) {
    in.put(std::string(size, 'x'));
    EXPECT_EQ(out.get(), std::string(size, 'x'));
  }
  in.put("");
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

void put_numbers(Queue<int> queue, int first, int count) {
  for (int i = first; i < first + count; ++i) {
    queue.put(i);
  }
}
void sum_numbers(Queue<int> queue, Queue<std::int64_t> sums) {
  std::int64_t sum = 0;
  for (int number = queue.get(); number >= 0; number = queue.get()) {
    sum += number;
  }
  sums.put(sum);
}

TEST(Queue, has_many_writers_and_many_readers) {
  constexpr int count = 5000;
  const Queue<int> numbers(10);
  const Queue<std::int64_t> sums;
  std::vector<Process> writers;
  std::vector<Process> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back(sum_numbers, numbers, sums).start();
    writers.emplace_back(put_numbers, numbers, i * count, count).start();
  }
  for (Process& writer : writers) {
    writer.join();
  }
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < readers.size(); ++i) {
    numbers.put(-1);
  }
  for (std::size_t i = 0; i < readers.size(); ++i) {
    sum += sums.get();
  }
  for (Process& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(sum, std::int64_t{3} * count * (3 * count - 1) / 2);
}

TEST(Queue, a_poll_finds_what_is_there_while_others_are_at_work) {
  const Queue<int> queue;
  constexpr int count = 20'000;
  for (int i = 0; i < 3 * count; ++i) {
    queue.put(i);
  }
  std::vector<threading::Thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      for (int taken = 0; taken < count; ++taken) {
        queue.get_nowait();
      }
    });
    readers.back().start();
  }
  for (threading::Thread& reader : readers) {
    EXPECT_NO_THROW(reader.join());
  }
  EXPECT_TRUE(queue.empty());
}

TEST(Queue, a_value_of_another_type_is_an_error_and_is_gone) {
  const Queue<int> numbers;
  numbers.put(1);
  numbers.put(2);
  const auto texts = pickle::loads_parcel<Queue<std::string>>(pickle::dumps_parcel(numbers));
  EXPECT_THROW(texts.get(), PickleError);
  EXPECT_EQ(numbers.get(), 2);
}

TEST(Queue, refuses_values_with_descriptors) {
  const Queue<Queue<int>> queue;
  EXPECT_THROW(queue.put(Queue<int>()), PickleError);
  EXPECT_TRUE(queue.empty());
}

TEST(Queue, travels_over_a_connection) {
  auto [left, right] = Pipe();
  const Queue<int> queue;
  left.send(queue);
  queue.put(5);
  EXPECT_EQ(right.recv<Queue<int>>().get(), 5);
}

TEST(Queue, what_came_must_be_a_queue) {
  const auto loaded = [](int fd) {
    pickle::OutputArchive archive = pickle::OutputArchive::with_descriptors();
    archive.attach(FileDescriptor(fd));
    pickle::Parcel parcel = archive.take();
    pickle::InputArchive input(parcel.bytes, parcel.descriptors);
    return Queue<int>::load(input);
  };
  EXPECT_THROW(loaded(::open("/dev/zero", O_RDWR | O_CLOEXEC)), PickleError);
  const int unsealed = ::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ASSERT_EQ(::ftruncate(unsealed, 4096 + (1 << 18)), 0);
  EXPECT_THROW(loaded(::dup(unsealed)), PickleError);
  ASSERT_EQ(::fcntl(unsealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
  EXPECT_THROW(loaded(unsealed), PickleError);  // of the right size, and all zero
}

// CPython's test_task_done.
TEST(JoinableQueue, join_waits_until_all_values_are_dealt_with) {
  const JoinableQueue<int> queue;
  queue.join();
  EXPECT_THROW(queue.task_done(), ValueError);
  for (int i = 0; i < 100; ++i) {
    queue.put(i);
  }
  const Deadline deadline = 10ms;
  EXPECT_THROW(queue.join(deadline), TimeoutError);
  EXPECT_TRUE(deadline.expired());
  threading::Thread worker([&] {
    for (int i = 0; i < 100; ++i) {
      queue.get();
      queue.task_done();
    }
  });
  worker.start();
  queue.join();
  EXPECT_TRUE(queue.empty());
  worker.join();
  EXPECT_THROW(queue.task_done(), ValueError);
}

TEST(JoinableQueue, join_waits_for_the_last_value_too) {
  const JoinableQueue<int> queue;
  queue.put(1);
  queue.put(2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(queue.join(1ms), TimeoutError);
    queue.get();
    EXPECT_THROW(queue.join(1ms), TimeoutError);  // it was taken, and not dealt with
    queue.task_done();
  }
  queue.join();
}

void work_off(JoinableQueue<int> queue, Queue<int> results) {
  while (true) {
    results.put(queue.get() * 2);
    queue.task_done();
  }
}

TEST(JoinableQueue, is_worked_off_by_processes) {
  const JoinableQueue<int> queue;
  const Queue<int> results;
  std::vector<Process> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back(work_off, queue, results).start();
  }
  int sum = 0;
  for (int i = 0; i < 300; ++i) {
    queue.put(i);
  }
  queue.join();
  for (int i = 0; i < 300; ++i) {
    sum += results.get_nowait();
  }
  EXPECT_EQ(sum, 300 * 299);
  for (Process& worker : workers) {
    worker.kill();
    worker.join();
  }
}

void add_one(SimpleQueue<std::map<std::string, int>> in, SimpleQueue<int> out) {
  out.put(in.get().at("answer"));
}

// CPython's TestSimpleQueue.
TEST(SimpleQueue, puts_gets_and_closes) {
  SimpleQueue<std::map<std::string, int>> in;
  const SimpleQueue<int> out;
  EXPECT_TRUE(in.empty());
  Process process(add_one, in, out);
  process.start();
  in.put({{"answer", 42}});
  EXPECT_EQ(out.get(), 42);
  process.join();
  in.close();
  EXPECT_TRUE(in.closed());
  EXPECT_THROW(in.empty(), ValueError);
}

}  // namespace
}  // namespace coeval::multiprocessing
