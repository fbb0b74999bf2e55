// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A SIGKILL at every instruction of put() and get(): the others find every value once, but for the
// one in the dead process's hands, and go on.

#include <coeval/multiprocessing/queue.hpp>

#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/pickle.hpp>
#include "support/kill_points.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;

// How many instructions of an operation to step through; COEVAL_KILL_POINTS sets another number.
std::size_t wanted_points() {
  const char* const given = std::getenv("COEVAL_KILL_POINTS");
  return given == nullptr ? 350'000 : std::strtoull(given, nullptr, 10);
}

constexpr std::size_t header_size = 4096;
constexpr std::size_t ring_size = std::size_t{1} << 18;
constexpr std::size_t most_values = ring_size / 16;               // of the first ring
constexpr std::size_t window_size = header_size + 3 * ring_size;  // two rings, and a page
constexpr std::size_t edge = 2048;  // what is looked at of each end of the first ring

// A queue, and a second one whose memory is to be overwritten with that of the first.
class TwoQueues {
 public:
  explicit TwoQueues(std::size_t maxsize) : live(maxsize), live_bytes_(map_file_of(live)) {
    FileDescriptor file(::memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    struct stat status{};
    ::fstat(file_.get(), &status);
    EXPECT_EQ(::ftruncate(file.get(), status.st_size), 0);
    EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    copy_bytes_ = map(file.get());
    overwrite_copy();
    auto archive = pickle::OutputArchive::with_descriptors();
    archive.attach(file);
    pickle::Parcel parcel = archive.take();
    pickle::InputArchive input(parcel.bytes, parcel.descriptors);
    copy = Queue<int>::load(input);
  }
  TwoQueues(const TwoQueues&) = delete;
  TwoQueues& operator=(const TwoQueues&) = delete;
  ~TwoQueues() {
    ::munmap(live_bytes_, window_size);
    ::munmap(copy_bytes_, window_size);
  }

  void overwrite_copy() { std::copy_n(live_bytes_, window_size, copy_bytes_); }

  // The header, both ends of the first ring, and the beginning of the second.
  std::vector<testing::KillPoints::Window> windows() {
    return {window(0, 2560), window(header_size, edge),
            window(header_size + ring_size - edge, edge), window(header_size + ring_size, 256)};
  }

  Queue<int> live;
  std::optional<Queue<int>> copy;

 private:
  static std::byte* map(int fd) {
    return static_cast<std::byte*>(
        ::mmap(nullptr, window_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  }
  std::byte* map_file_of(const Queue<int>& queue) {
    auto archive = pickle::OutputArchive::with_descriptors();
    queue.save(archive);
    file_ = std::move(archive.take().descriptors.at(0));
    return map(file_.get());
  }
  testing::KillPoints::Window window(std::size_t offset, std::size_t size) {
    return {.live = {live_bytes_ + offset, size}, .copy = {copy_bytes_ + offset, size}};
  }

  FileDescriptor file_;
  std::byte* live_bytes_;
  std::byte* copy_bytes_ = nullptr;
};

using Values = std::vector<int>;
using Operation = std::function<void(const Queue<int>&)>;
using IsRight = std::function<bool(const Values&)>;

// Steps through operations on a queue, and hands what a survivor drains from the copy to a check.
// Afterwards the survivor must be able to put and get.
class Stepper {
 public:
  Stepper(Operation operation, IsRight is_right)
      : operation_(std::move(operation)),
        is_right_(std::move(is_right)),
        points_(queues_.windows(), [this] { survive(); }) {}

  const Queue<int>& queue() const { return queues_.live; }
  const testing::KillPoints& points() const { return points_; }

  // The next values are put and taken at the ends of the ring, where the copy is up to date.
  void go_to_an_end() {
    constexpr std::size_t room = edge / 16 - 8;
    if (const std::size_t place = put_ % most_values; place > room) {
      while (put_ % most_values < most_values - room) {
        put(0);
        queues_.live.get();
      }
    }
  }
  void put(int value) {
    queues_.live.put(value);
    ++put_;
  }
  void step() {
    queues_.overwrite_copy();
    points_.step([this] { operation_(queues_.live); });
  }
  void drain() {
    while (queues_.live.try_get()) {
    }
  }
  void count_put() { ++put_; }

 private:
  void survive() {
    try {
      found_.clear();
      const Queue<int>& queue = *queues_.copy;
      while (const std::optional<int> value = queue.try_get()) {
        found_.push_back(*value);
      }
      EXPECT_TRUE(queue.try_put(99, 1s) && queue.try_get(1s) == 99) << "wedged";
      EXPECT_TRUE(is_right_(found_)) << ::testing::PrintToString(found_);
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }

  TwoQueues queues_{0};
  Operation operation_;
  IsRight is_right_;
  Values found_;
  std::size_t put_ = 0;
  testing::KillPoints points_;
};

void report(const char* name, const testing::KillPoints& points) {
  EXPECT_GT(points.states(), 5U);  // the lock, the ring's numbers, and the bytes in two steps
  std::cout << "kill points of " << name << ": " << points.points() << ", in " << points.states()
            << " states of the memory; " << (::testing::Test::HasFailure() ? "see above" : "0")
            << " wedged, lost, doubled or corrupt\n";
}

// The queue holds 1, 2 and 3 when the operation begins.
void step_often(const char* name, const Operation& operation, const IsRight& is_right) {
  if (!testing::can_single_step()) {
    GTEST_SKIP() << "single steps need x86-64 and no sanitizer";
  }
  std::thread thread([&] {
    Stepper stepper(operation, is_right);
    while (stepper.points().points() < wanted_points() && !::testing::Test::HasFailure()) {
      stepper.go_to_an_end();
      for (const int value : {1, 2, 3}) {
        stepper.put(value);
      }
      stepper.step();
      stepper.count_put();
      stepper.drain();
    }
    report(name, stepper.points());
  });
  thread.join();
}

TEST(QueueKillPoints, put_puts_all_or_nothing) {
  step_often(
      "put", [](const Queue<int>& queue) { queue.put(4); },
      [](const Values& found) { return found == Values{1, 2, 3} || found == Values{1, 2, 3, 4}; });
}

TEST(QueueKillPoints, get_takes_one_or_nothing) {
  step_often(
      "get and put",
      [](const Queue<int>& queue) {
        EXPECT_EQ(queue.get(), 1);
        queue.put(4);
      },
      [](const Values& found) {
        return found == Values{1, 2, 3} || found == Values{2, 3} || found == Values{2, 3, 4};
      });
}

TEST(QueueKillPoints, going_on_to_the_next_ring_puts_and_takes_nothing) {
  if (!testing::can_single_step()) {
    GTEST_SKIP() << "single steps need x86-64 and no sanitizer";
  }
  const auto is_right = [](const Values& found) {
    return found.size() == most_values || (found.size() == most_values + 1 && found.back() == 4);
  };
  std::thread thread([&] {
    Stepper stepper([](const Queue<int>& queue) { queue.put(4); }, is_right);
    for (std::size_t i = 0; i < most_values; ++i) {
      stepper.put(1);
    }
    stepper.step();
    report("a put that makes the queue grow", stepper.points());
  });
  thread.join();
}

}  // namespace
}  // namespace coeval::multiprocessing
