// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Every object that processes share, while another process writes what it likes into its memory: the
// operations fail, wait until their deadline or give wrong values of that object. They read and write
// nothing outside of it and end nobody, and with the memory as new the object works as ever.

#include "support/hostile_memory.hpp"
#include "support/sanitizers.hpp"
#include "support/watchdog.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/array.hpp>
#include <coeval/multiprocessing/barrier.hpp>
#include <coeval/multiprocessing/condition.hpp>
#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/lock.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include <coeval/multiprocessing/rlock.hpp>
#include <coeval/multiprocessing/semaphore.hpp>
#include <coeval/multiprocessing/value.hpp>
#include <coeval/pickle/pickle.hpp>
#include <coeval/threading/lock.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;
using support::HostileMemory;

constexpr long default_operations = support::under_sanitizer ? 2'000 : 10'000;
constexpr long objects = 9;

// Of each object; COEVAL_HOSTILE_OPERATIONS sets another number for all together.
long wanted_operations() {
  const char* const given =
      std::getenv("COEVAL_HOSTILE_OPERATIONS");  // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? default_operations : std::atol(given) / objects;
}

// Marsaglia's xorshift64*.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 2 + 1) {}
  std::uint64_t below(std::uint64_t end) noexcept {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1D % end;
  }

 private:
  std::uint64_t state_;
};

// Writes into an object's memory: often one word, which gets a number of the kind that breaks things,
// or another word of it; now and then all words, as they were at first.
class Scribbler {
 public:
  Scribbler(const HostileMemory& memory, std::uint64_t seed)
      : memory_(memory), first_(memory.copy()), random_(seed) {
    for (std::size_t i = 0; i < first_.size(); ++i) {
      if (i < 64 || first_[i] != 0) {
        used_.push_back(i);
      }
    }
  }

  void operator()() {
    const std::size_t word = random_.below(8) == 0 ? random_.below(first_.size()) : some_word();
    switch (random_.below(32)) {
      case 0:
        memory_.restore(first_);
        break;
      case 1:
        memory_.set(word, memory_.get(some_word()));
        break;
      default:
        memory_.set(word, some_number());
    }
    // Or each sleep that this begins would last until the sleeper looks up by itself.
    if (random_.below(8) == 0) {
      memory_.wake(word);
    }
  }

 private:
  std::size_t some_word() { return used_[random_.below(used_.size())]; }
  std::uint32_t some_number() {
    switch (random_.below(5)) {
      case 0:
        return static_cast<std::uint32_t>(random_.below(20));
      case 1:
        return 0xFFFF'FFFFU - static_cast<std::uint32_t>(random_.below(20));
      case 2:
        return 1U << random_.below(32);
      case 3:
        return 0;
      default:
        return static_cast<std::uint32_t>(random_.below(std::uint64_t{1} << 32));
    }
  }

  const HostileMemory& memory_;
  const std::vector<std::uint32_t> first_;
  std::vector<std::size_t> used_;
  Random random_;
};

// Operations on an object by their numbers, and a check that it works.
template <class Handle>
void attack(const Handle& object, const std::vector<std::function<void()>>& operations,
            const std::function<void()>& check) {
  const HostileMemory memory(object);
  const std::vector<std::uint32_t> first = memory.copy();
  long done = 0;
  long refused = 0;
  Random random(7);
  {
    Scribbler other(memory, 1);
    const support::Meanwhile meanwhile([&] { other(); });
    Scribbler between(memory, 2);
    while (done + refused < wanted_operations()) {
      support::feed_watchdogs();
      if (random.below(4) == 0) {
        between();
      }
      try {
        operations[random.below(operations.size())]();
        ++done;
      } catch (const Error&) {
        ++refused;
      } catch (const std::system_error&) {
        ++refused;
      }
    }
  }
  memory.restore(first);
  check();
  std::printf("hostile operations: %ld, of which %ld were refused\n", done + refused, refused);
}

// As a lock is taken where clang's analysis cannot follow: it may be overwritten meanwhile.
template <class L>
bool take(const L& lock, Deadline deadline) COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  return lock.acquire(deadline);
}
template <class L>
void give_back(const L& lock) COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  lock.unlock();
}

template <class L>
void take_or_repair(const L& lock) COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  if (lock.acquire_or_repair([] {}, 0s)) {
    lock.unlock();
  }
}

template <class L>
void attack_lock(const L& lock) {
  const auto poll = [&] {
    if (take(lock, 0s)) {
      give_back(lock);
    }
  };
  attack(lock,
         {poll, poll,
          [&] {
            if (take(lock, 20us)) {
              give_back(lock);
            }
          },
          [&] { take_or_repair(lock); },
          [&] {
            const std::unique_lock guard(lock, std::try_to_lock);
            static_cast<void>(to_string(lock));
          },
          [&] { static_cast<void>(lock.locked()); }, [&] { give_back(lock); }},
         [&] {
           EXPECT_TRUE(take(lock, 0s));
           give_back(lock);
         });
}

TEST(SharedObjectsHostile, lock) {
  attack_lock(Lock());
}
TEST(SharedObjectsHostile, rlock) {
  attack_lock(RLock());
}

TEST(SharedObjectsHostile, condition) {
  const Condition condition;
  const auto held = [&](auto call) {
    return [&condition, call] {
      const std::unique_lock guard(condition, std::try_to_lock);
      if (guard.owns_lock()) {
        call();
      }
    };
  };
  attack(condition,
         {held([&] { condition.wait(0s); }), held([&] { condition.wait(20us); }),
          held([&] { condition.notify(2); }), held([&] { condition.notify_all(); }),
          [&] { static_cast<void>(to_string(condition)); }},
         [&] {
           EXPECT_TRUE(take(condition, 0s));
           condition.notify_all();
           EXPECT_FALSE(condition.wait(1us));
           give_back(condition);
         });
}

TEST(SharedObjectsHostile, semaphore) {
  const Semaphore semaphore(3);
  attack(semaphore,
         {[&] { semaphore.acquire(0s); }, [&] { semaphore.acquire(20us); },
          [&] { semaphore.release(); }, [&] { semaphore.release(3); },
          [&] { static_cast<void>(semaphore.value()); }},
         [&] {
           EXPECT_TRUE(semaphore.acquire(0s));
           semaphore.release();
           EXPECT_EQ(semaphore.value(), 3);
         });
}

TEST(SharedObjectsHostile, event) {
  const Event event;
  attack(event,
         {[&] { event.set(); }, [&] { event.clear(); }, [&] { event.wait(0s); },
          [&] { event.wait(20us); }, [&] { static_cast<void>(event.is_set()); }},
         [&] {
           event.set();
           EXPECT_TRUE(event.wait());
         });
}

TEST(SharedObjectsHostile, barrier) {
  const Barrier barrier(2);
  attack(barrier,
         {[&] { barrier.wait(0s); }, [&] { barrier.wait(20us); }, [&] { barrier.abort(); },
          [&] { barrier.reset(); }, [&] { static_cast<void>(to_string(barrier)); }},
         [&] {
           EXPECT_THROW(barrier.wait(1us), BrokenBarrierError);
           barrier.reset();
           EXPECT_FALSE(barrier.broken());
         });
}

TEST(SharedObjectsHostile, value) {
  const Value<long> value(7);
  attack(value,
         {[&] { value.get(0s); }, [&] { value.set(8, 0s); },
          [&] { value.update([](long& n) { return ++n; }, 20us); },
          [&] { static_cast<void>(to_string(value)); }},
         [&] { EXPECT_EQ(value.get(), 7); });
}

TEST(SharedObjectsHostile, array) {
  const Array<int> array(40);
  attack(array,
         {[&] { array.get(39, 0s); }, [&] { array.set(0, 8, 0s); },
          [&] { static_cast<void>(array.values(20us)); }, [&] { array.get(40, 0s); }},
         [&] { EXPECT_EQ(array.values(), std::vector<int>(40)); });
}

// A queue of two rings only: one that says that it holds gigabytes makes its reader ask for them.
JoinableQueue<std::string> small_queue() {
  constexpr std::size_t header = 4096;
  constexpr std::size_t rings = 3 * (std::size_t{1} << 18);
  const JoinableQueue<std::string> large;
  const std::vector<std::uint32_t> first = HostileMemory(large).copy();
  FileDescriptor file(::memfd_create("small", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(file.get(), header + rings), 0);
  EXPECT_EQ(::pwrite(file.get(), first.data(), header, 0), static_cast<ssize_t>(header));
  constexpr std::uint32_t two = 2;
  EXPECT_EQ(first[3], 16U) << "the number of rings is elsewhere";
  EXPECT_EQ(::pwrite(file.get(), &two, sizeof two, 3 * sizeof two), 4);
  EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
  auto archive = pickle::OutputArchive::with_descriptors();
  archive.attach(file);
  pickle::Parcel parcel = archive.take();
  pickle::InputArchive input(parcel.bytes, parcel.descriptors);
  return JoinableQueue<std::string>::load(input);
}

TEST(SharedObjectsHostile, queue) {
  const JoinableQueue<std::string> queue = small_queue();
  const std::string large(20'000, 'x');
  attack(queue,
         {[&] { queue.put("a value", 0s); }, [&] { queue.put(large, 20us); },
          [&] { static_cast<void>(queue.get(0s)); },
          [&] { static_cast<void>(queue.try_get(20us)); }, [&] { queue.task_done(); },
          [&] { queue.join(0s); }, [&] { static_cast<void>(to_string(queue)); }},
         [&] {
           queue.put("mended");
           EXPECT_EQ(queue.get(), "mended");
         });
}

}  // namespace
}  // namespace coeval::multiprocessing
