// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

// [block]
sigset_t block(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) {
    sigaddset(&set, signal);
  }
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}
// [block]

int length_of(const std::string& document) {
  return static_cast<int>(document.size());
}

struct Configuration {
  int workers = 1;
};
int times_read = 0;
Configuration read_configuration() {
  return {.workers = ++times_read};
}

// [service]
class Service {
 public:
  explicit Service(const Configuration& configuration) { reload(configuration); }

  coeval::Future<int> serve(const std::string& document) {
    return pool()->with({.timeout = 10s}).submit(length_of, document);
  }

  // The next tasks go to new processes. Returns when the old ones have finished what they have.
  void reload(const Configuration& configuration) {
    auto fresh = std::make_shared<coeval::ProcessPoolExecutor>(
        coeval::ProcessPoolOptions{.max_workers = configuration.workers});
    {
      const coeval::threading::Guard guard(lock_);
      std::swap(pool_, fresh);
    }
    if (fresh != nullptr) {
      fresh->shutdown({});
    }
  }

  void print_statistics() {
    const coeval::ExecutorStats stats = pool()->stats();
    std::printf("%s: %zu of %zu workers, %zu tasks run, %zu wait, %zu done, %zu failed\n",
                stats.name.c_str(), stats.workers, stats.max_workers, stats.running, stats.queued,
                stats.completed, stats.failed);
  }

  // What has not begun is cancelled, what runs is waited for.
  void stop() { pool()->shutdown({.wait = true, .cancel_futures = true}); }

 private:
  std::shared_ptr<coeval::ProcessPoolExecutor> pool() {
    const coeval::threading::Guard guard(lock_);
    return pool_;
  }

  coeval::threading::Lock lock_;
  std::shared_ptr<coeval::ProcessPoolExecutor> pool_;
};
// [service]

// What the operator and the customers of the daemon do, so that the sample can be tested.
void be_used(Service& service, const std::function<void(int)>& send) {
  EXPECT(service.serve("four").result() == 4);
  send(SIGUSR1);
  send(SIGHUP);
  EXPECT(service.serve("twelve chars").result() == 12);
  send(SIGTERM);
}

void by_sigwait() {
  // [sigwait]
  const sigset_t signals = block({SIGTERM, SIGINT, SIGHUP, SIGUSR1});
  Service service(read_configuration());
  // [sigwait]
  coeval::threading::Thread outside(
      [&service] { be_used(service, [](int signal) { ::kill(::getpid(), signal); }); });
  outside.start();
  // [loop]
  for (bool runs = true; runs;) {
    int signal = 0;
    sigwait(&signals, &signal);
    switch (signal) {
      case SIGUSR1:
        service.print_statistics();
        break;
      case SIGHUP:
        service.reload(read_configuration());
        break;
      default:  // SIGTERM, SIGINT
        runs = false;
    }
  }
  service.stop();
  // [loop]
  outside.join();
  EXPECT(times_read == 2);
}

void by_signalfd() {
  const sigset_t signals = block({SIGTERM, SIGINT});
  // [signalfd]
  const coeval::FileDescriptor stop(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  pollfd watched{.fd = stop.get(), .events = POLLIN, .revents = 0};  // beside the loop's others
  // [signalfd]
  ::kill(::getpid(), SIGTERM);
  EXPECT(::poll(&watched, 1, -1) == 1);
  signalfd_siginfo info{};
  EXPECT(::read(stop.get(), &info, sizeof info) == sizeof info);
  EXPECT(info.ssi_signo == SIGTERM);
}

int main() {
  by_sigwait();
  by_signalfd();
}
