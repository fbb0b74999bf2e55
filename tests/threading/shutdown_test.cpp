// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The end of the process, and forks. Each test is a program of its own that ends by exit.

#include "helpers.hpp"

#include <coeval/core/errors.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace {

using namespace coeval::threading;
using namespace std::chrono_literals;
using testing::ExitedWithCode;
using threading_test::under_thread_sanitizer;

void say(const char* text) {
  std::fputs(text, stderr);
}

// Waits for main() to end, and says so.
void join_main(const Thread& main) {
  main.join();
  say("end of thread\n");
}

class ShutdownDeathTest : public testing::Test {
 protected:
  ShutdownDeathTest() { testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(ShutdownDeathTest, a_thread_that_waits_for_the_end_of_main_is_joined_at_exit) {
  EXPECT_EXIT(
      {
        static Thread* t = nullptr;
        t = new Thread(join_main, current_thread());
        t->start();
        say("end of main\n");
        std::exit(0);
      },
      ExitedWithCode(0), "end of main\nend of thread\n");
}

TEST_F(ShutdownDeathTest, a_thread_that_lost_its_handle_is_joined_at_exit) {
  EXPECT_EXIT(
      {
        static Event go_on;
        static auto handle = std::make_unique<Thread>();
        *handle = Thread([] {
          handle.reset();
          go_on.set();
          main_thread().join();
          say("end of thread\n");
        });
        handle->start();
        go_on.wait();
        say("end of main\n");
        std::exit(0);
      },
      ExitedWithCode(0), "end of main\nend of thread\n");
}

TEST_F(ShutdownDeathTest, threads_started_by_threads_during_the_end_are_joined_too) {
  EXPECT_EXIT(
      {
        static Thread* t = nullptr;
        t = new Thread([] {
          main_thread().join();
          static Thread* inner = nullptr;
          inner = new Thread([] { say("OK\n"); });
          inner->start();
        });
        t->start();
        std::exit(0);
      },
      ExitedWithCode(0), "^OK\n$");
}

TEST_F(ShutdownDeathTest, daemons_are_not_waited_for) {
  EXPECT_EXIT(
      {
        static Semaphore running(0);
        for (int i = 0; i < 10; ++i) {
          Thread({.daemon = true}, [] {
            running.release();
            Event never_set;
            never_set.wait();
          }).start();
        }
        for (int i = 0; i < 10; ++i) {
          running.acquire();
        }
        std::exit(0);
      },
      ExitedWithCode(0), "^$");
}

TEST_F(ShutdownDeathTest, daemons_may_work_on_while_the_process_ends) {
  EXPECT_EXIT(
      {
        static Semaphore running(0);
        for (int i = 0; i < 4; ++i) {
          Thread({.daemon = true}, [] {
            local<int> value;
            for (long round = 0;; ++round) {
              *value += 1;
              static_cast<void>(current_thread().name());
              static_cast<void>(enumerate());
              if (round == 10) {
                running.release();
              }
            }
          }).start();
        }
        for (int i = 0; i < 4; ++i) {
          running.acquire();
        }
        std::exit(0);
      },
      ExitedWithCode(0), "^$");
}

TEST_F(ShutdownDeathTest, main_has_ended_when_the_rest_is_joined) {
  EXPECT_EXIT(
      {
        static Thread* t = nullptr;
        t = new Thread([] {
          main_thread().join();
          std::fprintf(stderr, "%s %d\n", main_thread().name().c_str(), main_thread().is_alive());
        });
        t->start();
        std::exit(0);
      },
      ExitedWithCode(0), "^MainThread 0\n$");
}

TEST_F(ShutdownDeathTest, no_thread_starts_after_the_last_join) {
  EXPECT_EXIT(
      {
        struct AtTheEnd {
          ~AtTheEnd() {
            try {
              Thread([] {}).start();
            } catch (const coeval::RuntimeError& error) {
              std::fprintf(stderr, "%s\n", error.what());
            }
          }
        };
        static const AtTheEnd at_the_end;  // destroyed after what was registered later
        static_cast<void>(current_thread());
        std::exit(0);
      },
      ExitedWithCode(0), "the process is ending");
}

TEST_F(ShutdownDeathTest, exit_may_be_called_on_a_thread) {
  EXPECT_EXIT(
      {
        static Thread* t = nullptr;
        t = new Thread([] { std::exit(3); });
        t->start();
        Event never_set;
        never_set.wait();
      },
      ExitedWithCode(3), "");
}

TEST_F(ShutdownDeathTest, registered_functions_are_called_once_latest_first_before_the_joins) {
  EXPECT_EXIT(
      {
        static Event stop;
        static Thread* t = nullptr;
        t = new Thread([] {
          stop.wait();
          say("thread\n");
        });
        t->start();
        detail::register_at_exit([] {
          stop.set();
          try {
            detail::register_at_exit([] { say("never\n"); });
          } catch (const coeval::RuntimeError&) {
            say("refused\n");
          }
        });
        detail::register_at_exit([] {
          say("latest\n");
          throw std::runtime_error("is logged");
        });
        std::exit(0);
      },
      ExitedWithCode(0),
      "^latest\n.*exception at process exit: std::runtime_error: is logged\n(refused\nthread|"
      "thread\nrefused)\n$");
}

TEST_F(ShutdownDeathTest, locals_are_destroyed_with_static_objects) {
  EXPECT_EXIT(
      {
        struct Says {
          ~Says() { say("destroyed\n"); }
        };
        static local<Says> value;
        value.get();
        std::exit(0);
      },
      ExitedWithCode(0), "^destroyed\n$");
}

// Waits for a child that must end with 0, and gives its verdict to the test.
void expect_success(pid_t child) {
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  std::exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

TEST_F(ShutdownDeathTest, a_forked_child_joins_its_own_threads) {
  if (under_thread_sanitizer) {
    GTEST_SKIP() << "ThreadSanitizer starts no threads in a forked child";
  }
  EXPECT_EXIT(
      {
        static_cast<void>(current_thread());
        if (const pid_t child = fork(); child != 0) {
          expect_success(child);
        }
        static Thread* t = nullptr;
        t = new Thread(join_main, current_thread());
        t->start();
        say("end of main\n");
        std::exit(0);
      },
      ExitedWithCode(0), "end of main\nend of thread\n");
}

TEST_F(ShutdownDeathTest, in_a_child_forked_by_a_thread_that_thread_is_the_main_one) {
  if (under_thread_sanitizer) {
    GTEST_SKIP() << "ThreadSanitizer starts no threads in a forked child";
  }
  EXPECT_EXIT(
      {
        static const Thread old_main = current_thread();
        static Event never_set;
        static Thread* other = nullptr;
        other = new Thread({.daemon = true}, [] { never_set.wait(); });
        other->start();
        Thread worker([&] {
          const pid_t forked = fork();
          if (forked != 0) {
            expect_success(forked);
          }
          const bool right = main_thread() == current_thread() && enumerate().size() == 1 &&
                             !old_main.is_alive() && !other->is_alive() && other->join(0s) &&
                             current_thread().native_id() == getpid();
          Thread t(join_main, old_main);
          say("end of main\n");
          t.start();
          t.join();  // old_main has ended
          std::_Exit(right ? 0 : 1);
        });
        worker.start();
        never_set.wait();
      },
      ExitedWithCode(0), "end of main\nend of thread\n");
}

TEST_F(ShutdownDeathTest, in_a_child_forked_by_a_foreign_thread_that_thread_is_the_main_one) {
  EXPECT_EXIT(
      {
        static const Thread old_main = current_thread();
        for (const bool known : {false, true}) {
          std::thread([known] {
            const std::uint64_t ident = known ? current_thread().ident().value() : get_ident();
            if (const pid_t child = fork(); child != 0) {
              int status = 0;
              waitpid(child, &status, 0);
              if (status != 0) {
                std::_Exit(1);
              }
              return;
            }
            const bool right = main_thread() == current_thread() &&
                               main_thread().ident() == ident && get_ident() == ident &&
                               main_thread().native_id() == getpid() && active_count() == 1;
            std::_Exit(right ? 0 : 2);
          }).join();
        }
        std::exit(old_main.is_alive() ? 0 : 3);
      },
      ExitedWithCode(0), "");
}

// Threads that hold the library's locks at the fork do not leave them locked in the child.
TEST_F(ShutdownDeathTest, many_threads_may_fork_at_once) {
  EXPECT_EXIT(
      {
        local<int> value;
        std::vector<Thread> threads;
        std::atomic<int> failures{0};
        for (int i = 0; i < 8; ++i) {
          threads.emplace_back([&] {
            for (int round = 0; round < 5; ++round) {
              *value = round;
              const pid_t child = fork();
              if (child == 0) {
                static_cast<void>(enumerate());
                static_cast<void>(current_thread().name());
                local<int> fresh;
                *fresh = *value;
                std::_Exit(active_count() == 1 && *fresh == round ? 50 : 1);
              }
              int status = 0;
              waitpid(child, &status, 0);
              failures += WIFEXITED(status) && WEXITSTATUS(status) == 50 ? 0 : 1;
            }
          });
          threads.back().start();
        }
        for (const Thread& t : threads) {
          t.join();
        }
        std::exit(failures);
      },
      ExitedWithCode(0), "");
}

}  // namespace
