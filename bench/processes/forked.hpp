// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the rivals without processes of their own stand on: fork, and memory that is shared with the
// child.

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <initializer_list>
#include <list>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

namespace bench {

// Zero, or raises std::system_error.
inline void check(bool good, const char* call) {
  if (!good) {
    throw std::system_error(errno, std::generic_category(), call);
  }
}

// A child that calls a function and ends; it is killed at the end of the scope if it has not.
class Forked {
 public:
  template <class F>
  explicit Forked(F&& f) : pid_(fork()) {
    check(pid_ >= 0, "fork");
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      std::forward<F>(f)();
      _exit(0);
    }
  }
  ~Forked() {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Forked(const Forked&) = delete;
  Forked& operator=(const Forked&) = delete;

 private:
  pid_t pid_;
};

// A T in memory that forked children share.
template <class T>
class Shared {
 public:
  template <class... Args>
  explicit Shared(Args&&... args) {
    void* const pages =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(pages != MAP_FAILED, "mmap");
    value_ = new (pages) T(std::forward<Args>(args)...);
  }
  ~Shared() {
    value_->~T();
    munmap(static_cast<void*>(value_), sizeof(T));
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  T& operator*() const noexcept { return *value_; }
  T* operator->() const noexcept { return value_; }

 private:
  T* value_;
};

}  // namespace bench
