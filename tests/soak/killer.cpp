// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "soak/killer.hpp"

#include "soak/ledger.hpp"

#include <coeval/core/errors.hpp>

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace soak {
namespace {

using coeval::multiprocessing::active_children;
using coeval::multiprocessing::Process;
using namespace std::chrono_literals;

// None if its pool has let go of it: it has ended.
std::optional<pid_t> pid_of(const Process& process) {
  try {
    return process.pid();
  } catch (const coeval::RuntimeError&) {
    return std::nullopt;
  }
}

// By the descriptor of the process: its number may be another's by now.
void signal_process(const Process& process, int signal) {
  try {
    ::syscall(SYS_pidfd_send_signal, process.sentinel(), signal, nullptr, 0);
  } catch (const coeval::RuntimeError&) {
    // As above.
  }
}

}  // namespace

Killer::Killer(std::uint64_t seed, long kills, long results, Ledger& ledger)
    : most_(kills), results_per_strike_(results), ledger_(ledger), dice_(seed), thread_([this] {
        run();
      }) {}

Killer::~Killer() {
  {
    const std::lock_guard guard(mutex_);
    ended_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Killer::note_results(long count) {
  if (results_per_strike_ == 0) {
    return;
  }
  const std::lock_guard guard(mutex_);
  results_ += count;
  if (results_ >= results_per_strike_) {
    due_ += results_ / results_per_strike_;
    results_ %= results_per_strike_;
    changed_.notify_one();
  }
}

bool Killer::answers_for(pid_t pid) {
  const std::lock_guard guard(mutex_);
  const auto found = killed_.find(pid);
  if (found == killed_.end() || found->second == 0) {
    return false;
  }
  --found->second;
  return true;
}

void Killer::run() {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    const auto is_due = [this] { return ended_ || due_ > 0; };
    if (stopped_.empty()) {
      changed_.wait(lock, is_due);
    } else {
      changed_.wait_for(lock, 1ms, is_due);
    }
    if (due_ > 0 && !ended_) {
      --due_;
      strike();
    }
    let_go(std::chrono::steady_clock::now());
  }
  let_go(std::chrono::steady_clock::time_point::max());
}

void Killer::strike() {
  std::vector<Process> all = active_children();
  if (all.empty()) {
    return;
  }
  Process victim = all[dice_.below(all.size())];
  const std::optional<pid_t> pid = pid_of(victim);
  if (!pid) {
    return;
  }
  if (kills_ < most_ && !dice_.one_in(4)) {
    ++killed_[*pid];  // first: its death may be told at once
    ++kills_;
    ledger_.killed();
    signal_process(victim, SIGKILL);
  } else if (std::ranges::none_of(stopped_,
                                  [&](const Stopped& one) { return one.process == victim; })) {
    ledger_.stopped();
    signal_process(victim, SIGSTOP);
    const auto pause = std::chrono::microseconds(dice_.below(20'000));
    stopped_.push_back({std::move(victim), std::chrono::steady_clock::now() + pause});
  }
}

void Killer::let_go(std::chrono::steady_clock::time_point now) {
  std::erase_if(stopped_, [now](const Stopped& one) {
    if (one.until > now) {
      return false;
    }
    signal_process(one.process, SIGCONT);
    return true;
  });
}

}  // namespace soak
