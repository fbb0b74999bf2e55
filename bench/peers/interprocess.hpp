// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Boost.Interprocess and what the system has for processes that share memory or descriptors. All
// means are made before the fork of those who use them.

#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>

#if COEVAL_BENCH_HAS_INTERPROCESS
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/interprocess_semaphore.hpp>
#endif

namespace bench {

// A name for what must have one; it is removed again at once.
inline std::string shared_name() {
  static int made = 0;
  return "/coeval-bench-" + std::to_string(getpid()) + "-" + std::to_string(++made);
}

// A pipe in each direction, or a pair of stream sockets. The parent has the end 0, the child 1.
class RawPipe {
 public:
  explicit RawPipe(bool sockets) {
    if (sockets) {
      int both[2];
      good_ = socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0;
      in_ = {both[0], both[1]};
      out_ = in_;
    } else {
      int there[2];
      int back[2];
      good_ = pipe(there) == 0 && pipe(back) == 0;
      in_ = {back[0], there[0]};
      out_ = {there[1], back[1]};
    }
  }
  RawPipe(const RawPipe&) = delete;
  RawPipe& operator=(const RawPipe&) = delete;

  // Whole messages of a size that both sides know. False at the end.
  bool write_all(std::size_t end, const void* data, std::size_t size) const {
    return good_ && move_all(&write, out_[end], static_cast<const char*>(data), size);
  }
  bool read_all(std::size_t end, void* data, std::size_t size) const {
    return good_ && move_all(&read, in_[end], static_cast<char*>(data), size);
  }

 private:
  template <class Call, class Char>
  static bool move_all(Call call, int fd, Char* data, std::size_t size) {
    while (size > 0) {
      const ssize_t moved = call(fd, data, size);
      if (moved <= 0) {
        return false;
      }
      data += moved;
      size -= static_cast<std::size_t>(moved);
    }
    return true;
  }

  bool good_ = false;
  std::array<int, 2> in_{};
  std::array<int, 2> out_{};
};

// mq_overview(7), with the room that every user may have: 10 messages.
class PosixQueue {
 public:
  explicit PosixQueue(std::size_t message_size) {
    const std::string name = shared_name();
    mq_attr attributes{};
    attributes.mq_maxmsg = 10;
    attributes.mq_msgsize = static_cast<long>(message_size);
    queue_ = mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
    mq_unlink(name.c_str());
  }
  ~PosixQueue() { mq_close(queue_); }
  PosixQueue(const PosixQueue&) = delete;
  PosixQueue& operator=(const PosixQueue&) = delete;

  bool put(const void* data, std::size_t size) {
    return mq_send(queue_, static_cast<const char*>(data), size, 0) == 0;
  }
  bool get(void* data, std::size_t size) {
    return mq_receive(queue_, static_cast<char*>(data), size, nullptr) >= 0;
  }

 private:
  mqd_t queue_;
};

// pthread_mutexattr_setpshared(3), plain or robust.
template <bool robust>
class PosixMutex {
 public:
  PosixMutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    if (robust) {
      pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    }
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

// sem_init(3), shared.
class PosixSemaphore {
 public:
  explicit PosixSemaphore(unsigned value) { sem_init(&semaphore_, 1, value); }
  void lock() {
    while (sem_wait(&semaphore_) != 0) {
    }
  }
  void unlock() { sem_post(&semaphore_); }

 private:
  sem_t semaphore_;
};

#if COEVAL_BENCH_HAS_INTERPROCESS

class BoostQueue {
 public:
  explicit BoostQueue(std::size_t message_size)
      : name_(shared_name().substr(1)),
        queue_(boost::interprocess::create_only, name_.c_str(), most_messages, message_size) {
    boost::interprocess::message_queue::remove(name_.c_str());
  }
  bool put(const void* data, std::size_t size) {
    queue_.send(data, size, 0);
    return true;
  }
  bool get(void* data, std::size_t size) {
    std::size_t received = 0;
    unsigned priority = 0;
    queue_.receive(data, size, received, priority);
    return true;
  }

 private:
  static constexpr std::size_t most_messages = 1000;

  std::string name_;
  boost::interprocess::message_queue queue_;
};

using BoostMutex = boost::interprocess::interprocess_mutex;

class BoostSemaphore {
 public:
  explicit BoostSemaphore(unsigned value) : semaphore_(value) {}
  void lock() { semaphore_.wait(); }
  void unlock() { semaphore_.post(); }

 private:
  boost::interprocess::interprocess_semaphore semaphore_;
};

#endif

}  // namespace bench
