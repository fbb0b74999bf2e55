// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "kernel_calls.hpp"

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace coeval::process_kernel {
namespace {

constexpr int first_descriptor = 3;

// The settings of a spawn. Each step returns an error number, and the first one counts.
class SpawnSettings {
 public:
  SpawnSettings() noexcept {
    error_ = posix_spawn_file_actions_init(&actions_);
    has_actions_ = error_ == 0;
    if (error_ == 0) {
      error_ = posix_spawnattr_init(&attributes_);
      has_attributes_ = error_ == 0;
    }
  }
  ~SpawnSettings() {
    if (has_attributes_) {
      posix_spawnattr_destroy(&attributes_);
    }
    if (has_actions_) {
      posix_spawn_file_actions_destroy(&actions_);
    }
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  // A descriptor that is duplicated onto itself loses close-on-exec: posix_spawn(3).
  void hand_over(int descriptor) noexcept {
    step([&] { return posix_spawn_file_actions_adddup2(&actions_, descriptor, first_descriptor); });
    step([&] { return posix_spawn_file_actions_addclosefrom_np(&actions_, first_descriptor + 1); });
  }
  void block(const sigset_t* signals) noexcept {
    step([&] { return posix_spawnattr_setsigmask(&attributes_, signals); });
    step([&] { return posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK); });
  }
  int run(const SpawnRequest& request, pid_t* pid) noexcept {
    step([&] {
      return ::posix_spawn(pid, request.path, &actions_, &attributes_, request.arguments,
                           request.environment);
    });
    return error_;
  }

 private:
  template <class Step>
  void step(Step next) noexcept {
    if (error_ == 0) {
      error_ = next();
    }
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  bool has_actions_ = false;
  bool has_attributes_ = false;
  int error_ = 0;
};

}  // namespace

int spawn(const SpawnRequest& request, pid_t* pid) noexcept {
  SpawnSettings settings;
  settings.hand_over(request.descriptor);
  settings.block(request.blocked);
  return settings.run(request, pid);
}

int open(pid_t pid) noexcept {
  const long fd = syscall(SYS_pidfd_open, pid, 0);  // close-on-exec by itself
  return fd >= 0 ? static_cast<int>(fd) : -errno;
}

int signal(int pidfd, int number) noexcept {
  return syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) == 0 ? 0 : errno;
}

int reap(int pidfd, int* code) noexcept {
  siginfo_t end{};
  int result = 0;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &end, WEXITED | WNOHANG);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    return errno;
  }
  if (end.si_pid == 0) {
    return EAGAIN;
  }
  *code = end.si_code == CLD_EXITED ? end.si_status : -end.si_status;
  return 0;
}

void discard(pid_t pid) noexcept {
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

pid_t parent() noexcept {
  return ::getppid();
}

uid_t user() noexcept {
  return ::geteuid();
}

int die_with_parent() noexcept {
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 0 : errno;
}

int signal_mask(sigset_t* mask) noexcept {
  return pthread_sigmask(SIG_SETMASK, nullptr, mask);
}

int block_signals(const sigset_t* mask) noexcept {
  return pthread_sigmask(SIG_SETMASK, mask, nullptr);
}

}  // namespace coeval::process_kernel
