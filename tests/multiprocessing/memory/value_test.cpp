// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/value.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/array.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include <coeval/multiprocessing/shared_array.hpp>
#include <coeval/threading/lock.hpp>
#include <coeval/threading/thread.hpp>
#include "multiprocessing/memory/memory_helpers.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;
using threading::Guard;

struct Account {
  std::int64_t balance = 100;
  std::int32_t bookings = 0;
  char currency[4] = "EUR";
};

struct Values {
  Value<int> number{1};
  Value<double> real{2.5};
  Value<char> letter{'a'};
  Value<Account> account;
};

void change(const Values& values) {
  values.number.set(values.number.get() * 10);
  values.real.set(-1.25);
  values.letter.set('z');
  values.account.update([](Account& account) {
    account.balance -= 30;
    ++account.bookings;
  });
}

// CPython's test_value: each type, changed by another process.
TEST(Value, is_changed_by_another_process) {
  const Values values;
  EXPECT_EQ(values.account.get().balance, 100);
  Process process(change, values);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_EQ(values.number.get(), 10);
  EXPECT_EQ(values.real.get(), -1.25);
  EXPECT_EQ(values.letter.get(), 'z');
  EXPECT_EQ(values.account.get().balance, 70);
  EXPECT_EQ(values.account.get().bookings, 1);
  EXPECT_STREQ(values.account.get().currency, "EUR");
}

// CPython's test_rawvalue.
TEST(Value, without_a_lock_is_a_shared_array_of_one) {
  const SharedArray<int> raw{5};
  Process process([](const SharedArray<int>& value) { value[0] *= 3; }, raw);
  process.start();
  process.join();
  EXPECT_EQ(raw[0], 15);
}

// CPython's test_getobj_getlock.
TEST(Value, several_accesses_are_one_under_its_lock) {
  const Value<int> value(5);
  {
    const Guard guard(value.get_lock());
    EXPECT_TRUE(value.get_lock().is_owned());
    value.get_obj() += 2;
    value.set(value.get() * 2);
    EXPECT_EQ(value.get_obj(), 14);
  }
  EXPECT_FALSE(value.get_lock().locked());
  EXPECT_EQ(value.get(), 14);
}

// Whoever adds without the lock loses some of the others' additions.
TEST(Value, an_access_of_another_process_waits_while_its_lock_is_held) {
  constexpr int times = 20'000;
  const Value<int> value(0);
  Process process(
      [](const Value<int>& shared) {
        for (int i = 0; i < times; ++i) {
          shared.update([](int& n) { ++n; });
        }
      },
      value);
  {
    const Guard guard(value.get_lock());
    process.start();
    Process other([](const Value<int>& shared) { std::exit(shared.get_lock().try_lock() ? 1 : 7); },
                  value);
    other.start();
    other.join();
    EXPECT_EQ(other.exitcode(), 7) << "the lock was free for another process";
    EXPECT_EQ(value.get_obj(), 0) << "another process changed it meanwhile";
  }
  for (int i = 0; i < times; ++i) {
    const Guard guard(value.get_lock());
    volatile int& number = value.get_obj();
    const int before = number;
    number = before + 1;
  }
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_EQ(value.get(), 2 * times);
}

TEST(Value, begins_with_the_default_or_the_given_value) {
  EXPECT_EQ(Value<int>().get(), 0);
  EXPECT_EQ(Value<double>().get(), 0.0);
  EXPECT_EQ(Value<Account>().get().balance, 100);
  EXPECT_EQ(Value(7).get(), 7);
  static_assert(std::is_same_v<decltype(Value(2.5)), Value<double>>);
  struct NoDefault {
    explicit NoDefault(int n) : number(n) {}
    int number;
  };
  static_assert(!std::is_default_constructible_v<Value<NoDefault>>);
  EXPECT_EQ(Value(NoDefault(3)).get().number, 3);
}

TEST(Value, copies_are_handles_of_the_same_value) {
  Value<int> value(1);
  const Value<int> copy = value;
  copy.set(2);
  EXPECT_EQ(value.get(), 2);
  value = Value<int>(3);
  EXPECT_EQ(copy.get(), 2);
}

TEST(Value, update_returns_what_its_function_returns) {
  const Value<int> value(41);
  EXPECT_EQ(value.update([](int& n) { return ++n; }), 42);
  EXPECT_EQ(value.update([](int n) { return std::make_unique<int>(n); }).operator*(), 42);
  static_assert(std::is_same_v<decltype(value.update([](int& n) -> int& { return n; })), int>,
                "a reference would be used without the lock");
  static_assert(std::is_void_v<decltype(value.update([](int&) {}))>);
}

TEST(Value, an_exception_in_update_frees_the_lock) {
  const Value<int> value(1);
  EXPECT_THROW(value.update([](int& n) {
    n = 2;
    throw std::out_of_range("no");
  }),
               std::out_of_range);
  EXPECT_FALSE(value.get_lock().locked());
  EXPECT_EQ(value.get(), 2);
}

TEST(Value, a_call_gives_up_at_its_deadline) {
  const Value<int> value(1);
  auto [here, there] = Pipe();
  const auto hold = [](const Value<int>& held, Connection connection) {
    held.update([&](int&) {
      connection.send(true);
      connection.recv<bool>();
    });
  };
  Process process(hold, value, std::move(there));
  process.start();
  here.recv<bool>();
  EXPECT_THROW(value.get(5ms), TimeoutError);
  EXPECT_THROW(value.set(9, 0s), TimeoutError);
  EXPECT_THROW(value.update([](int& n) { n = 9; }, 0s), TimeoutError);
  EXPECT_EQ(to_string(value), "<Value<int> locked>");
  here.send(true);
  EXPECT_EQ(value.get(), 1);
  process.join();
  EXPECT_EQ(to_string(value), "<Value<int> unlocked>");
}

void count_up(Value<std::int64_t> counter, int times) {
  for (int i = 0; i < times; ++i) {
    counter.update([](std::int64_t& n) { ++n; });
  }
}
void count_up_under_lock(Value<std::int64_t> counter, int times) {
  for (int i = 0; i < times; ++i) {
    const Guard guard(counter.get_lock());
    counter.set(counter.get() + 1);
  }
}

TEST(Value, processes_and_threads_count_exactly) {
  constexpr int times = 20'000;
  const Value<std::int64_t> counter;
  std::vector<Process> processes;
  for (int i = 0; i < 2; ++i) {
    processes.emplace_back(count_up, counter, times).start();
    processes.emplace_back(count_up_under_lock, counter, times).start();
  }
  threading::Thread thread(count_up, counter, times);
  thread.start();
  count_up(counter, times);
  thread.join();
  for (Process& process : processes) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  EXPECT_EQ(counter.get(), 6 * times);
}

// Kills a process in the middle of an update.
template <class Shared>
void kill_a_writer_of(const Shared& shared) {
  auto [here, there] = Pipe();
  const auto hang = [](const Shared& held, Connection connection) {
    held.update([&](auto&&) {
      connection.send(true);
      connection.recv<bool>();
    });
  };
  Process process(hang, shared, std::move(there));
  process.start();
  here.recv<bool>();
  process.kill();
  process.join();
}

TEST(Value, a_death_in_an_update_is_told_to_the_next_access_once) {
  const Value<int> value(5);
  for (int round = 0; round < 3; ++round) {
    kill_a_writer_of(value);
    EXPECT_THROW(value.get(), OwnerDied);
    EXPECT_EQ(value.get(), 5);
    kill_a_writer_of(value);
    EXPECT_THROW(value.set(6), OwnerDied);
    EXPECT_EQ(value.get(), 5) << "who is told of a death has changed nothing";
    kill_a_writer_of(value);
    EXPECT_THROW(value.update([](int& n) { n = 7; }), OwnerDied);
    EXPECT_EQ(value.get(0s), 5);
  }
}

TEST(Value, after_a_death_it_can_be_mended_before_anyone_sees_it) {
  const Value<int> value(5);
  kill_a_writer_of(value);
  const RLock& lock = value.get_lock();
  lock.acquire_or_repair([&] { value.get_obj() = 50; });
  EXPECT_EQ(value.get(), 50);
  lock.unlock();
  EXPECT_EQ(value.get(), 50);
}

TEST(Value, a_queue_refuses_it_and_says_what_carries_it) {
  const Queue<Value<int>> queue;
  try {
    queue.put(Value<int>(1));
    FAIL() << "it was put";
  } catch (const PickleError& error) {
    EXPECT_NE(std::string(error.what()).find("over a Connection or as an argument of a Process"),
              std::string::npos)
        << error.what();
  }
}

TEST(Value, travels_over_a_connection_in_a_container) {
  auto [left, right] = Pipe();
  const Value<int> value(1);
  left.send(std::vector{value, Value<int>(2)});
  const auto received = right.recv<std::vector<Value<int>>>();
  received.at(0).set(10);
  EXPECT_EQ(value.get(), 10);
  EXPECT_EQ(received.at(1).get(), 2);
}

TEST(Value, what_comes_must_be_a_value_of_that_type) {
  const auto received_as = []<class To>(const auto& sent, const To&) {
    return pickle::loads_parcel<To>(pickle::dumps_parcel(sent)).get();
  };
  EXPECT_EQ(received_as(Value<long>(3), Value<long long>()), 3);
  EXPECT_THROW(received_as(Value<long>(3), Value<double>()), PickleError);
  EXPECT_THROW(received_as(Value<std::int32_t>(3), Value<std::int64_t>()), PickleError);
  EXPECT_THROW(received_as(Array<int>(3), Value<int>()), PickleError);
  EXPECT_THROW(received_as(SharedArray<int>(1), Value<int>()), PickleError);
  EXPECT_THROW(received_as(RLock(), Value<int>()), PickleError);
}

// What another process could send: the right announcement, and memory that is something else.
TEST(Value, what_comes_must_be_a_lock_with_enough_memory_behind_it) {
  const auto loaded = [](const auto& handle, std::uint64_t size) {
    pickle::Parcel parcel = pickle::dumps_parcel(handle);
    return support::load_from<Value<Account>>(std::move(parcel.descriptors.at(0)),
                                              detail::element_code<Account>(), std::uint64_t{1},
                                              std::string(), size)
        .get();
  };
  constexpr std::size_t room = detail::LockedMemory::lock_room;
  EXPECT_EQ(loaded(Value<Account>(), room + sizeof(Account)).balance, 100);
  EXPECT_THROW(loaded(Value<char>(), room + 1), PickleError);
  EXPECT_THROW(loaded(Value<Account>(), room + 1), PickleError);
  EXPECT_THROW(loaded(SharedMemory(room + sizeof(Account)), room + sizeof(Account)), PickleError);
}

TEST(Value, a_thousand_rounds_leave_no_descriptor_and_no_mapping) {
  const auto round = [] {
    auto [left, right] = Pipe();
    left.send(Value<int>(4));
    EXPECT_EQ(right.recv<Value<int>>().update([](int& n) { return ++n; }), 5);
  };
  round();
  const auto before = support::held();
  for (int i = 0; i < 1000; ++i) {
    round();
  }
  EXPECT_EQ(support::held(), before);
}

}  // namespace
}  // namespace coeval::multiprocessing
