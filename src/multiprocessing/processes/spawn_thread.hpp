// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// SpawnThread: starts a child with the state of the thread that wants it.

#include <coeval/core/file_descriptor.hpp>
#include <coeval/core/process_calls.hpp>
#include <coeval/threading/event.hpp>

#include <pthread.h>
#include <sys/types.h>

namespace coeval::multiprocessing::detail {

struct SpawnedChild {
  pid_t pid = 0;
  FileDescriptor process;  // a pidfd
};

// Starts a child from the calling thread, which has to outlive it: see SpawnThread. 0 or the errno
// value of the failure.
int spawn_child(const SpawnRequest& request, SpawnedChild* child) noexcept;

// A thread that starts one child and stays for as long as this object lives.
//
// Seccomp filters, no_new_privs, namespaces, capabilities, nice value and affinity belong to a thread
// in Linux, and a child has those of the thread that forked it; so the thread is started by the one
// that wants the child, and has inherited all of them. And it stays, since the kernel's
// PR_SET_PDEATHSIG, by which a child dies with its parent, follows the thread that forked it: a
// thread of the program may end sooner than the child.
class SpawnThread {
 public:
  // Errors: std::system_error if the kernel gives no thread, or no process.
  explicit SpawnThread(const SpawnRequest& request);
  SpawnThread(const SpawnThread&) = delete;
  SpawnThread& operator=(const SpawnThread&) = delete;
  // The child has ended, or ends now. Waits for the thread, which has nothing more to do.
  ~SpawnThread();

  SpawnedChild& child() noexcept { return child_; }

 private:
  static void* run(void* self) noexcept;
  void end() noexcept;

  const pid_t owner_;  // a forked child has no such thread
  const SpawnRequest& request_;
  pthread_t thread_{};
  SpawnedChild child_;
  int error_ = 0;
  threading::Event spawned_;
  threading::Event released_;
};

}  // namespace coeval::multiprocessing::detail
