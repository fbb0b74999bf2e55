// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// What a child finds around it: environment, working directory, masks, descriptors, standard input.

#include <coeval/core/file_descriptor.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>

#include "core/system_scope.hpp"

#include <gtest/gtest.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

// What the target says of itself in a child.
template <class F>
std::string told(F target) {
  auto [here, there] = Pipe();
  Process process(target, std::move(there));
  process.start();
  std::string text = here.recv<std::string>();
  process.join();
  return text;
}

// The open descriptors of this process, as "0 1 2".
std::string open_descriptors() {
  std::string text;
  DIR* const folder = ::opendir("/proc/self/fd");
  for (const dirent* entry = ::readdir(folder); entry != nullptr; entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.' && std::to_string(::dirfd(folder)) != entry->d_name) {
      text += std::string(entry->d_name) + " ";
    }
  }
  ::closedir(folder);
  return text;
}

TEST(ProcessSurroundings, the_environment_is_the_parents_of_the_moment) {
  ::setenv("COEVAL_TEST_VARIABLE", "set late", 1);
  const auto variable = [](Connection c) {
    c.send(std::string(std::getenv("COEVAL_TEST_VARIABLE")) +
           (std::getenv("COEVAL_CHILD_OF") == nullptr ? "" : " and the mark"));
  };
  EXPECT_EQ(told(variable), "set late");
  ::unsetenv("COEVAL_TEST_VARIABLE");
}

TEST(ProcessSurroundings, the_working_directory_is_the_parents_of_the_moment) {
  const FileDescriptor before(::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::chdir("/proc"), 0);
  const auto directory = [](Connection c) {
    std::string path(100, '\0');
    c.send(std::string(::getcwd(path.data(), path.size())));
  };
  EXPECT_EQ(told(directory), "/proc");
  ASSERT_EQ(::fchdir(before.get()), 0);
}

TEST(ProcessSurroundings, the_umask_is_the_parents) {
  const mode_t before = ::umask(0123);
  const auto mask = [](Connection c) { c.send(std::to_string(::umask(0))); };
  EXPECT_EQ(told(mask), std::to_string(0123));
  ::umask(before);
}

TEST(ProcessSurroundings, no_signal_is_blocked_whatever_the_thread_that_starts_it_blocks) {
  sigset_t all{};
  sigset_t before{};
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  const auto mask = [](Connection c) {
    sigset_t now{};
    pthread_sigmask(SIG_SETMASK, nullptr, &now);
    int blocked = 0;
    for (int signal = 1; signal <= SIGRTMAX; ++signal) {
      blocked += sigismember(&now, signal) == 1 ? 1 : 0;
    }
    c.send(std::to_string(blocked));
  };
  EXPECT_EQ(told(mask), "0");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(ProcessSurroundings, terminate_ends_it_though_this_process_ignores_SIGTERM) {
  const auto before = std::signal(SIGTERM, SIG_IGN);
  Process child([] {
    while (true) {
      ::pause();
    }
  });
  child.start();
  child.terminate();
  child.join();
  EXPECT_EQ(child.exitcode(), -SIGTERM);
  std::signal(SIGTERM, before);
}

TEST(ProcessSurroundings, an_ignored_signal_stays_ignored_and_a_handler_does_not_cross) {
  const auto usr1_before = std::signal(SIGUSR1, SIG_IGN);
  const auto usr2_before = std::signal(SIGUSR2, [](int) {});
  const auto dispositions = [](Connection c) {
    const bool is_ignored = std::signal(SIGUSR1, SIG_DFL) == SIG_IGN;
    const bool is_default = std::signal(SIGUSR2, SIG_DFL) == SIG_DFL;
    c.send(std::string(is_ignored ? "ignored" : "") + (is_default ? " default" : ""));
  };
  EXPECT_EQ(told(dispositions), "ignored default");
  std::signal(SIGUSR1, usr1_before);
  std::signal(SIGUSR2, usr2_before);
}

TEST(ProcessSurroundings, limits_and_priority_are_the_parents) {
  const auto have_a_child = [](Connection c) {
    const rlimit files{.rlim_cur = 123, .rlim_max = 456};
    ::setrlimit(RLIMIT_NOFILE, &files);
    ::setpriority(PRIO_PROCESS, 0, 3);
    c.send(told([](Connection mine) {
      rlimit limit{};
      ::getrlimit(RLIMIT_NOFILE, &limit);
      mine.send(std::to_string(limit.rlim_cur) + " " + std::to_string(limit.rlim_max) + " " +
                std::to_string(::getpriority(PRIO_PROCESS, 0)));
    }));
  };
  EXPECT_EQ(told(have_a_child), "123 456 3");
}

TEST(ProcessSurroundings, standard_output_and_error_are_the_parents) {
  struct stat output{};
  struct stat error{};
  ASSERT_EQ(::fstat(STDOUT_FILENO, &output), 0);
  ASSERT_EQ(::fstat(STDERR_FILENO, &error), 0);
  const auto identities = [](Connection c) {
    struct stat now{};
    ::fstat(STDOUT_FILENO, &now);
    std::string text = std::to_string(now.st_ino) + " ";
    ::fstat(STDERR_FILENO, &now);
    c.send(text + std::to_string(now.st_ino));
  };
  EXPECT_EQ(told(identities), std::to_string(output.st_ino) + " " + std::to_string(error.st_ino));
}

TEST(ProcessSurroundings, no_descriptor_is_inherited) {
  std::vector<FileDescriptor> inheritable;  // not close-on-exec, as a program's library opens them
  for (int i = 0; i < 50; ++i) {
    inheritable.emplace_back(::open("/dev/null", O_RDONLY));
  }
  const auto descriptors = [](Connection c) {
    const int own = c.fileno();
    std::string text = open_descriptors();
    for (const int known : {0, 1, 2, own}) {
      const std::string number = std::to_string(known) + " ";
      const auto place = text.find(number);
      if (place != std::string::npos) {
        text.erase(place, number.size());
      }
    }
    c.send(text);
  };
  // What is left: the socket to the parent and the parent's pidfd.
  const std::string left = told(descriptors);
  EXPECT_EQ(std::count(left.begin(), left.end(), ' '), 2) << left;
}

TEST(ProcessSurroundings, standard_input_is_empty) {
  const auto read_input = [](Connection c) {
    char byte = 0;
    c.send(std::to_string(::read(STDIN_FILENO, &byte, 1)));
  };
  EXPECT_EQ(told(read_input), "0");
}

TEST(ProcessSurroundings, ps_shows_the_name) {
  const auto command = [](Connection c) {
    std::string text(1000, '\0');
    const FileDescriptor file(::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC));
    text.resize(static_cast<std::size_t>(::read(file.get(), text.data(), text.size())));
    c.send(text);
  };
  auto [here, there] = Pipe();
  Process process({.name = "thumbnails"}, command, std::move(there));
  process.start();
  EXPECT_NE(here.recv<std::string>().find("coeval:thumbnails"), std::string::npos);
  process.join();
}

TEST(ProcessSurroundings, a_program_that_ignores_SIGCHLD_still_learns_the_exit_code) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  Process process([] { std::exit(9); });
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 9);
  std::signal(SIGCHLD, before);
}

TEST(ProcessSurroundings, a_mark_in_the_environment_alone_makes_no_child) {
  // The grandchild of a program that someone else started with our mark set.
  const auto start_again = [](Connection c) {
    ::setenv("COEVAL_CHILD_OF", std::to_string(::getpid()).c_str(), 1);
    const int status = std::system((std::string("'") + program_invocation_name +
                                    "' --gtest_filter=No.such_test >/dev/null 2>&1")
                                       .c_str());
    c.send(std::to_string(status));
  };
  EXPECT_EQ(told(start_again), "0") << "main() has not run";
}

TEST(ProcessSurroundings, a_start_that_the_kernel_refuses_may_be_tried_again) {
  Process process([] { std::exit(4); });
  {
    const support::SystemScope scope([](SystemCalls& table) {
      table.process.spawn = [](const SpawnRequest&, pid_t*) noexcept { return EAGAIN; };
    });
    EXPECT_THROW(process.start(), std::system_error);
  }
  {
    const support::SystemScope scope(
        [](SystemCalls& table) { table.process.open = [](pid_t) noexcept { return -EMFILE; }; });
    EXPECT_THROW(process.start(), std::system_error);
  }
  EXPECT_EQ(process.pid(), std::nullopt);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 4);
}

TEST(ProcessSurroundings, a_start_without_proc_says_what_is_missing) {
  Process process([] {});
  const support::SystemScope scope([](SystemCalls& table) {
    table.process.spawn = [](const SpawnRequest&, pid_t*) noexcept { return ENOENT; };
  });
  try {
    process.start();
    FAIL() << "no exception";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_NE(std::string(error.what()).find("mount /proc"), std::string::npos) << error.what();
  }
}

TEST(ProcessSurroundings, a_start_leaves_no_descriptor_behind) {
  const auto start_one = [] {
    Process process([] {});
    process.start();
    process.join();
  };
  start_one();  // the thread that starts processes has descriptors of its own
  const std::size_t before = open_descriptors().size();
  for (int i = 0; i < 10; ++i) {
    start_one();
  }
  // That thread lets go of a process shortly after join() has returned.
  while (open_descriptors().size() > before) {
    ::poll(nullptr, 0, 1);
  }
}

}  // namespace
}  // namespace coeval::multiprocessing
