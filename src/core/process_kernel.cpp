// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "core/kernel_calls.hpp"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace coeval::process_kernel {
namespace {

constexpr int first_descriptor = 3;

// Whether a program that is started here has the descriptor.
bool crosses(int descriptor) noexcept {
  const int flags = ::fcntl(descriptor, F_GETFD);
  return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

// What has nothing to read, and keeps nothing that is written: /dev/null, or where there is none (a
// root directory of few files) an empty memory file that stays empty.
int open_nothing() noexcept {
  const int null = descriptor_kernel::open("/dev/null", O_RDWR, 0);
  if (null >= 0) {
    return null;
  }
  const int file = descriptor_kernel::memory_file("coeval-null");
  if (file >= 0) {
    descriptor_kernel::seal(file, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  }
  return file;
}

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
    if (nothing_ >= 0) {
      ::close(nothing_);
    }
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  // A program that has no standard descriptor gives its number to the next file that it opens.
  void fill_standard() noexcept {
    for (int number = 0; number < first_descriptor; ++number) {
      if (!crosses(number)) {
        step([&] { return need_nothing(); });
        step([&] { return posix_spawn_file_actions_adddup2(&actions_, nothing_, number); });
      }
    }
  }
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

  int need_nothing() noexcept {
    if (nothing_ < 0) {
      nothing_ = open_nothing();
    }
    return nothing_ < 0 ? -nothing_ : 0;
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  bool has_actions_ = false;
  bool has_attributes_ = false;
  int nothing_ = -1;  // at least 3, or an error
  int error_ = 0;
};

// The pid behind a pidfd, or 0 if that cannot be told. The numbers of /proc are those of the PID
// namespace that it was mounted for. Source: proc(5), /proc/pid/fdinfo; pidfd_open(2).
pid_t pid_of(int pidfd) noexcept {
  std::array<char, 32> self{};
  const ssize_t length = ::readlink("/proc/self", self.data(), self.size() - 1);
  if (length <= 0 || std::strtol(self.data(), nullptr, 10) != ::getpid()) {
    return 0;
  }
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/thread-self/fdinfo/%d", pidfd);
  const int file = descriptor_kernel::open(path.data(), O_RDONLY, 0);
  if (file < 0) {
    return 0;
  }
  std::array<char, 1024> text{};
  const ssize_t size = ::read(file, text.data(), text.size() - 1);
  ::close(file);
  if (size <= 0) {
    return 0;
  }
  const char* const line = std::strstr(text.data(), "\nPid:");
  const long pid = line != nullptr ? std::strtol(line + sizeof "\nPid:" - 1, nullptr, 10) : 0;
  return pid > 0 ? static_cast<pid_t>(pid) : 0;
}

// What the kernel tells about a process, in its first form. Source: linux/pidfd.h of Linux 6.15.
struct PidfdInfo {
  std::uint64_t mask;  // what is asked for, then what is told
  std::uint64_t cgroup;
  std::uint32_t pids[3];
  std::uint32_t credentials[8];
  std::int32_t wait_status;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr unsigned long get_info = _IOWR(0xFF, 11, PidfdInfo);
constexpr std::uint64_t info_of_exit = 1U << 3;

int code_of(int wait_status) noexcept {
  return WIFSIGNALED(wait_status) ? -WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// The end of a child that others have reaped, or the kernel itself for a program that ignores
// SIGCHLD; Linux keeps it with the pidfd since 6.15. It is told a moment after nobody can wait for
// the child any more.
int code_of_reaped(int pidfd, int* code) noexcept {
  constexpr int most_moments = 10'000;
  for (int i = 0; i < most_moments; ++i) {
    PidfdInfo info{};
    info.mask = info_of_exit;
    if (::ioctl(pidfd, get_info, &info) != 0) {
      return errno;
    }
    if ((info.mask & info_of_exit) != 0) {
      *code = code_of(info.wait_status);
      return 0;
    }
    ::sched_yield();
  }
  return ETIMEDOUT;
}

}  // namespace

int spawn(const SpawnRequest& request, pid_t* pid) noexcept {
  SpawnSettings settings;
  settings.fill_standard();
  settings.hand_over(request.descriptor);
  settings.block(request.blocked);
  return settings.run(request, pid);
}

int open(pid_t pid) noexcept {
  // Close-on-exec by itself.
  return descriptor_kernel::above_standard(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

// A filter may know kill(2) and not the younger call. The caller sees to it that the process is not
// reaped meanwhile, so its pid is nobody else's.
int signal(int pidfd, int number) noexcept {
  if (syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) == 0) {
    return 0;
  }
  const int error = errno;
  const pid_t pid = error == ESRCH || error == EBADF ? 0 : pid_of(pidfd);
  return pid != 0 && ::kill(pid, number) == 0 ? 0 : error;
}

int reap(int pidfd, int* code) noexcept {
  siginfo_t end{};
  int result = 0;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &end, WEXITED | WNOHANG);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    const int error = errno;
    return error == ECHILD && code_of_reaped(pidfd, code) == 0 ? 0 : error;
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
