// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Queue, JoinableQueue and SimpleQueue: values handed from process to process.

#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/detail/message_queue.hpp>
#include <coeval/pickle/pickle.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace coeval::multiprocessing {

// A first-in, first-out queue of values that any number of processes and threads share; Python's
// multiprocessing.Queue.
//
//   void square(Queue<int> jobs, Queue<int> results) {
//     while (auto number = jobs.try_get(1s)) {
//       results.put(*number * *number);
//     }
//   }
//   Queue<int> jobs, results;
//   Process process(square, jobs, results);
//
// A handle: copies, pickled ones too, mean the same queue, and a forked child's mean its parent's.
// Thread-safe. What happened before a put() is visible after the get() that takes its value. A
// value is pickled by put(), so it is what it was at that moment, and its type must be picklable;
// there is no thread in between: what put() has put is there, whatever becomes of this process.
//
// A process that is killed at any moment, in the middle of put() or get() too, costs at most the
// value in its hands: nothing is damaged, lost or doubled besides, and the others go on. One that
// is stopped in the middle of a call holds up the others that put, or those that get.
//
// put() blocks while there are maxsize values, get() while there are none; the other side or the
// deadline ends it. Without a bound a queue holds up to 8 GiB of pickled values. Its memory grows
// with the need and stays until the last handle of all processes is gone. A queue costs a
// descriptor and 256 KiB.
template <class T>
class Queue {
 public:
  // maxsize: the most values at a time, 0 for no bound. Errors: ValueError if it is above
  // 4,294,967,295; std::system_error if there is no memory or no descriptor.
  explicit Queue(std::size_t maxsize = 0) : messages_(maxsize) {}

  // Appends a value. Errors, and then nothing was put: QueueFull if there was no room until the
  // deadline; ValueError if this handle is closed or the value needs more than 8 GiB; PickleError,
  // also for values that hold descriptors, which a Connection carries; std::system_error: ENOSPC or
  // ENOMEM if the queue cannot grow.
  void put(const T& value, Deadline deadline = never) const {
    if (!try_put(value, deadline)) {
      detail::MessageQueue::throw_full(maxsize());
    }
  }
  void put_nowait(const T& value) const { put(value, std::chrono::seconds(0)); }
  // The same without QueueFull: whether it was put.
  bool try_put(const T& value, Deadline deadline = std::chrono::seconds(0)) const {
    return messages_.put(pickle::dumps(value), deadline);
  }

  // Takes the first value. Errors: QueueEmpty if there was none until the deadline; ValueError if
  // this handle is closed; PickleError if somebody put a value of another type: it is lost.
  T get(Deadline deadline = never) const {
    pickle::Bytes bytes;
    if (!messages_.get(bytes, deadline)) {
      detail::MessageQueue::throw_empty();
    }
    return pickle::loads<T>(bytes);
  }
  T get_nowait() const { return get(std::chrono::seconds(0)); }
  // The same without QueueEmpty: nothing, if there was none.
  std::optional<T> try_get(Deadline deadline = std::chrono::seconds(0)) const {
    pickle::Bytes bytes;
    return messages_.get(bytes, deadline) ? std::optional<T>(pickle::loads<T>(bytes))
                                          : std::nullopt;
  }

  // The number of values at this moment, which may have passed when the call returns.
  std::size_t qsize() const { return messages_.size(); }
  bool empty() const { return qsize() == 0; }
  bool full() const { return maxsize() != 0 && qsize() >= maxsize(); }
  std::size_t maxsize() const { return messages_.maxsize(); }

  // Lets go of the queue; copies of this handle keep it. Closing twice is allowed; everything else
  // is ValueError afterwards.
  void close() noexcept { messages_.close(); }
  bool closed() const noexcept { return messages_.closed(); }

  void save(pickle::OutputArchive& archive) const { messages_.save(archive); }
  static Queue load(pickle::InputArchive& archive) {
    return Queue(detail::MessageQueue::load(archive));
  }

 protected:
  explicit Queue(detail::MessageQueue messages) noexcept : messages_(std::move(messages)) {}

  detail::MessageQueue messages_;
};

// A Queue that knows when all values are dealt with; Python's multiprocessing.JoinableQueue.
//
//   while (true) {
//     Job job = jobs.get();
//     run(job);
//     jobs.task_done();
//   }
//
// Whoever has dealt with a value says task_done(); join() waits until that was said as often as
// values were put. A process that is killed in between never says it: give join() a deadline.
template <class T>
class JoinableQueue : public Queue<T> {
 public:
  explicit JoinableQueue(std::size_t maxsize = 0) : Queue<T>(maxsize) {}

  // Errors: ValueError if it is said more often than values were put, or this handle is closed.
  void task_done() const { this->messages_.task_done(); }

  // Blocks until all that was put is dealt with. Errors: TimeoutError; ValueError if this handle is
  // closed.
  void join(Deadline deadline = never) const { this->messages_.join(deadline); }

  static JoinableQueue load(pickle::InputArchive& archive) {
    return JoinableQueue(detail::MessageQueue::load(archive));
  }

 private:
  explicit JoinableQueue(detail::MessageQueue messages) noexcept : Queue<T>(std::move(messages)) {}
};

// A Queue without a bound and without deadlines; Python's multiprocessing.SimpleQueue.
template <class T>
class SimpleQueue {
 public:
  SimpleQueue() = default;

  void put(const T& value) const { queue_.put(value); }
  T get() const { return queue_.get(); }
  bool empty() const { return queue_.empty(); }
  void close() noexcept { queue_.close(); }
  bool closed() const noexcept { return queue_.closed(); }

  void save(pickle::OutputArchive& archive) const { queue_.save(archive); }
  static SimpleQueue load(pickle::InputArchive& archive) {
    SimpleQueue queue{Queue<T>::load(archive)};
    return queue;
  }

 private:
  explicit SimpleQueue(Queue<T> queue) noexcept : queue_(std::move(queue)) {}

  Queue<T> queue_;
};

// "<Queue 3 values>", "<Queue 3/10 values>", "<Queue closed>".
template <class T>
std::string to_string(const Queue<T>& queue) {
  return queue.closed() ? "<Queue closed>"
                        : detail::MessageQueue::describe(queue.qsize(), queue.maxsize());
}

}  // namespace coeval::multiprocessing
