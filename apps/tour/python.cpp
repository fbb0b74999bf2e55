// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "python.hpp"

#include "interrupt.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>
#include <string_view>
#include <system_error>

namespace tour {

namespace {

using Clock = std::chrono::steady_clock;

// The lesson's program, with a clock around each part. Its workers are forked, as on Linux they
// have always been until Python 3.14: others could not find a function of a program given by -c.
constexpr const char* program = R"python(
import multiprocessing, platform, sys, time
multiprocessing.set_start_method("fork")
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

# shown: python
def cpu_task(n):
    return sum(i**2 for i in range(n))
# shown: end

def with_pool(executor):
    # shown: python pool
    with executor() as pool:
        return list(pool.map(cpu_task, [10**6]*4))
    # shown: end

def one_by_one():
    return list(map(cpu_task, [10**6]*4))

def measure(name, run, *arguments):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        results = run(*arguments)
        times.append(time.perf_counter() - start)
    assert len(results) == 4 and len(set(results)) == 1
    print(name, min(times), results[0], flush=True)

gil = getattr(sys, "_is_gil_enabled", lambda: True)()
print("version", platform.python_version(), int(gil), flush=True)
measure("one_by_one", one_by_one)
measure("threads", with_pool, ThreadPoolExecutor)
measure("processes", with_pool, ProcessPoolExecutor)
)python";

// A running python3 that writes into a pipe. It leads a process group, so that its workers can be
// killed with it. For one thread.
class Child {
 public:
  Child() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
      throw std::system_error(errno, std::generic_category(), "cannot make a pipe");
    }
    output_ = ends[0];
    const int error = spawn(ends[1]);
    close(ends[1]);
    if (error != 0) {
      close(output_);
      throw std::system_error(error, std::generic_category(), "cannot start python3");
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill(-pid_, SIGKILL);
    set_child_group(0);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    close(output_);
  }

  // All that it writes until it ends; what there is at the deadline, and false.
  bool read_all(std::string& text, Clock::time_point deadline) {
    std::array<char, 4096> buffer;
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      pollfd ready{.fd = output_, .events = POLLIN, .revents = 0};
      if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) == 0) {
        return false;
      }
      const ssize_t n = read(output_, buffer.data(), buffer.size());
      if (n > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(n));
      } else if (n == 0 || errno != EINTR) {
        return true;
      }
    }
  }

 private:
  // Signals wait until the handler knows of the child: else a Ctrl-C in between would leave it.
  int spawn(int output) {
    const DelayedSignals delayed;
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &delayed.mask_before());
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    const char* const arguments[] = {"python3", "-I", "-c", program, nullptr};
    const int error = posix_spawnp(&pid_, "python3", &actions, &attributes,
                                   const_cast<char* const*>(arguments), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);

    set_child_group(error == 0 ? pid_ : 0);
    return error;
  }

  pid_t pid_ = 0;
  int output_ = -1;
};

// Lines such as "threads 0.283 333332833333500000"; any other line is an error message.
PythonRun understood(const std::string& text) {
  PythonTimes times;
  std::string trouble;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    double seconds = 0;
    words >> name;
    if (name == "version") {
      words >> times.version >> times.has_gil;
    } else if (words >> seconds >> times.result) {
      (name == "one_by_one" ? times.one_by_one
       : name == "threads"  ? times.threads
                            : times.processes.emplace()) = seconds;
    } else if (!line.empty()) {
      trouble = line;
    }
  }
  if (times.threads > 0) {
    return {.times = times, .trouble = ""};
  }
  return {.times = {}, .trouble = "python3 failed: " + trouble};
}

}  // namespace

PythonRun run_python(std::chrono::seconds limit) {
  try {
    Child child;
    std::string text;
    if (!child.read_all(text, Clock::now() + limit)) {
      return {.times = {},
              .trouble = fmt::format("python3 was not done after {} seconds", limit.count())};
    }
    return understood(text);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) {
      return {.times = {}, .trouble = "python3 is not installed"};
    }
    return {.times = {}, .trouble = error.what()};
  }
}

}  // namespace tour
