// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/scenarios.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/multiprocessing/barrier.hpp>
#include <coeval/multiprocessing/condition.hpp>
#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/listener.hpp>
#include <coeval/multiprocessing/lock.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include <coeval/multiprocessing/rlock.hpp>
#include <coeval/multiprocessing/semaphore.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>

namespace coeval::testing {
namespace {

using namespace multiprocessing;
using namespace std::chrono_literals;

FileDescriptor null_file() {
  return FileDescriptor(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

// ---- Process ----

void answer(const FileDescriptor& file, const Queue<int>& queue, const SharedMemory& memory,
            Connection parent) {
  memory.data()[0] = std::byte{7};
  parent.send(queue.get(never) + (::write(file.get(), "x", 1) == 1 ? 1 : 0));
}

void process() {
  const Queue<int> queue;
  const SharedMemory memory(100);
  auto [here, there] = Pipe();
  queue.put(41);
  Process process(answer, null_file(), queue, memory, std::move(there));
  process.start();
  require(here.recv<int>() == 42, "the answer of a process");
  process.join();
  require(process.exitcode() == 0, "the exit code");
  require(memory.data()[0] == std::byte{7}, "what a process wrote");
}

void kill() {
  Process killed([] { ::pause(); });
  killed.start();
  try {
    killed.kill();
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): the next one comes through
  }
  killed.kill();
  killed.join();
  require(killed.exitcode() == -SIGKILL || killed.exitcode() == 255, "the exit code of a kill");
}

// ---- Pipe ----

void pipe() {
  auto [left, right] = Pipe();
  left.send(std::string("small"));
  require(right.recv<std::string>(1h) == "small", "a small message");
  const std::string large(200'000, 'x');
  right.send(large);
  require(left.poll(1h), "poll");
  require(left.recv<std::string>() == large, "a large message");
  left.send(std::pair(null_file(), 3));
  require(right.recv<std::pair<FileDescriptor, int>>().second == 3, "a descriptor");
  auto [receives, sends] = Pipe(false);
  left.send(sends);
  right.recv<Connection>().send_bytes({});
  require(connection::wait({receives}, 1h).size() == 1, "wait");
  require(receives.recv_bytes().empty(), "over a connection that travelled");
}

// ---- Queue ----

void queue() {
  JoinableQueue<std::string> queue;
  const std::string text(20'000, 'x');
  constexpr int values = 12;  // it grows
  for (int i = 0; i < values; ++i) {
    queue.put(text + std::to_string(i));
  }
  for (int i = 0; i < values; ++i) {
    require(queue.get(1h) == text + std::to_string(i), "the order of a queue");
    queue.task_done();
  }
  require(!queue.try_get(1ms).has_value(), "an empty queue");
  queue.join();
  auto [left, right] = Pipe();
  left.send(queue);
  right.recv<JoinableQueue<std::string>>().put("over there");
  require(queue.get() == "over there", "a queue that travelled");
}

// ---- SharedMemory ----

void shared_memory() {
  const std::string name = "coeval-scenario-" + std::to_string(::getpid());
  ::shm_unlink(("/" + name).c_str());  // of a run in which unlink() was refused
  SharedMemory memory(10'000);
  memory.data()[9'999] = std::byte{1};
  auto [left, right] = Pipe();
  left.send(memory);
  require(right.recv<SharedMemory>().data()[9'999] == std::byte{1}, "memory that travelled");
  SharedMemory named = SharedMemory::create(name, 5'000);
  named.data()[0] = std::byte{2};
  const SharedMemory attached = SharedMemory::attach(name);
  require(attached.data()[0] == std::byte{2}, "attached memory");
  named.unlink();
}

// Large enough to be compared with what the machine has.
void large_memory() {
  const SharedMemory large(std::size_t{17} << 20);
  require(large.data()[large.size() - 1] == std::byte{0}, "large memory");
}

// ---- Listener and Client ----

void talk(Listener& listener) {
  Connection client = Client(listener.address(), 1h);
  Connection server = listener.accept(1h);
  client.send(null_file());
  require(static_cast<bool>(server.recv<FileDescriptor>()), "a descriptor over a listener");
}

void listener() {
  const std::string path = std::filesystem::temp_directory_path() / "coeval-scenario.sock";
  {
    Listener unnamed;
    talk(unnamed);
  }
  Listener first(path + std::to_string(::getpid()));
  talk(first);
  first.close();
  Listener second(first.address());
  talk(second);
}

// ---- locks ----

void locks() COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  Lock lock;
  RLock recursive;
  Condition condition;
  Semaphore semaphore(2);
  BoundedSemaphore bounded(1);
  Event event;
  Barrier barrier(1);
  require(lock.acquire(1h) && !lock.acquire(0s), "a lock");
  lock.release();
  require(recursive.acquire() && recursive.acquire(), "a recursive lock");
  recursive.release();
  recursive.release();
  require(condition.acquire(), "a condition's lock");
  condition.notify_all();
  const bool woken = condition.wait(1ms);
  condition.release();
  require(!woken, "a condition that nobody notifies");
  require(semaphore.acquire() && semaphore.acquire(1h) && !semaphore.acquire(1ms), "a semaphore");
  semaphore.release();
  require(bounded.acquire(), "a bounded semaphore");
  bounded.release();
  require(!event.wait(1ms), "an event");
  event.set();
  require(event.wait(1h), "an event that is set");
  require(barrier.wait(1h) == 0, "a barrier");
  auto [left, right] = Pipe();
  left.send(lock);
  left.send(event);
  const Lock same = right.recv<Lock>();
  require(right.recv<Event>().is_set(), "an event that travelled");
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all{
      {"process", process},
      {"kill", kill},
      {"pipe", pipe},
      {"queue", queue},
      {"shared_memory", shared_memory},
      {"large_memory", large_memory},
      {"listener", listener},
      {"locks", locks},
  };
  return all;
}

}  // namespace coeval::testing
