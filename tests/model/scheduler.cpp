// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/scheduler.hpp"

#include "model/fiber.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <bit>
#include <cstdlib>
#include <exception>
#include <utility>

#if defined(MODEL_ADDRESS_SANITIZER)
#include <sanitizer/lsan_interface.h>
#endif

namespace model {
namespace {

// The model's clock starts here: an ordinary uptime, so that no deadline is near zero.
constexpr std::int64_t first_ns = 1'000'000'000'000;

// The fibers of all executions, which come one after the other.
Fiber outside_fiber;
Fiber& fiber(int thread) {
  static std::array<Fiber, max_threads> fibers;
  return fibers[static_cast<std::size_t>(thread)];
}

// The leak checker ignores what is allocated while this lives: nobody frees what a killed thread or
// an execution that failed owned.
struct NoLeakCheck {
#if defined(MODEL_ADDRESS_SANITIZER)
  NoLeakCheck() { __lsan_disable(); }
  ~NoLeakCheck() { __lsan_enable(); }
  NoLeakCheck(const NoLeakCheck&) = delete;
  NoLeakCheck& operator=(const NoLeakCheck&) = delete;
#endif
};

// After so many pauses without a write, those who sleep with a deadline wake up.
constexpr int most_fruitless = 200;

}  // namespace

Scheduler::Scheduler(const Options& options, int preemptions)
    : options_(options), preemptions_(preemptions) {}

Scheduler::~Scheduler() = default;

// ---- an execution

bool Scheduler::execute(const std::function<void()>& body, Chooser& chooser, Trace* trace) {
  chooser_ = &chooser;
  trace_ = trace;
  failure_.clear();
  count_ = running_ = steps_ = fruitless_ = 0;
  preemptions_left_ = preemptions_;
  timeouts_left_ = options_.timeouts;
  spurious_left_ = options_.spurious;
  kills_left_ = options_.kills;
  ready_ = pausing_ = sleeping_ = timed_ = joining_ = ended_ = killed_ = 0;
  now_ns_ = first_ns;
  failed_ = false;
  memory_.begin(options_.memory,
                options_.search == Search::exhaustive ? options_.stale_reads : unlimited, chooser);
  spawn("main", body, -1);
  granted_ = true;
  Locals outside;
  if (options_.thread_locals) {
    outside.save();
    threads_[0].locals.load();
  }
  current_ = this;
  {
    [[maybe_unused]] const NoLeakCheck abandoned_threads_leak;
    outside_fiber.switch_to(fiber(0));
  }
  current_ = nullptr;
  outside.load();
  for (int i = 0; i < count_; ++i) {
    threads_[index(i)].body = {};
  }
  return !failed_;
}

int Scheduler::spawn(std::string name, coeval::Function<void()> body, int process) {
  if (count_ == max_threads) {
    fail(fmt::format("model: more than {} threads in one execution", max_threads));
  }
  const int id = count_++;
  Thread& thread = threads_[index(id)];
  thread.name = std::move(name);
  thread.body = std::move(body);
  thread.process = process;
  thread.joins = 0;
  fiber(id).start(&Scheduler::enter, this);
  if (options_.thread_locals) {
    thread.locals.reset();
  }
  ready_ |= bit(id);
  if (id > 0) {
    memory_.fork(running_, id);
  }
  return id;
}

void Scheduler::enter(void* scheduler) {
  auto* self = static_cast<Scheduler*>(scheduler);
  self->run_thread();
}

void Scheduler::run_thread() {
  try {
    Thread& thread = threads_[index(running_)];
    thread.body();
    thread.body = {};
  } catch (...) {
    fail("an exception left the thread: " + coeval::describe(std::current_exception()));
  }
  maybe_die();
  if (trace_ != nullptr) {
    trace_->add(name(running_), "ends");
  }
  end_thread(ended_, bit(running_));
}

void Scheduler::end_thread(std::uint32_t& kind, std::uint32_t threads) {
  kind |= threads;
  for (std::uint32_t* state : {&ready_, &pausing_, &sleeping_, &timed_, &joining_}) {
    *state &= ~threads;
  }
  wake_joiners();
  wrote();
  if (std::popcount(ended_ | killed_) == count_) {
    leave();
  }
  decide();
  std::abort();  // an ended thread is never chosen
}

void Scheduler::leave() {
  fiber(running_).switch_to(outside_fiber);
  std::abort();  // never resumed
}

void Scheduler::fail(std::string failure) {
  failed_ = true;
  failure_ = std::move(failure);
  if (trace_ != nullptr) {
    trace_->add(name(running_), "FAILS");
  }
  leave();
}

// ---- decisions

void Scheduler::step(const std::source_location& where) {
  threads_[index(running_)].where = where;
  if (++steps_ > options_.steps) {
    fail(fmt::format("livelock: {} steps and no end; {} is at {}", options_.steps, name(running_),
                     place(where)));
  }
}

void Scheduler::point(const std::source_location& where) {
  step(where);
  if (!granted_) {
    decide();
  }
  granted_ = false;
  if (kills_left_ > 0) {
    maybe_die();
  }
}

void Scheduler::decide() {
  const bool is_ready = (ready_ & bit(running_)) != 0;
  const bool nobody_else = ready_ == bit(running_) && timed_ == 0 && spurious_left_ == 0;
  if (is_ready && (nobody_else || preemptions_left_ == 0)) {
    return;
  }
  collect_candidates();
  int chosen = 0;
  if (candidate_count_ > 1) {
    chosen = chooser_->choose_thread({candidates_.data(), index(candidate_count_)}, steps_);
    if (chooser_->diverged()) {
      fail("the execution cannot be repeated: the test does not do the same thing every time");
    }
  }
  const Candidate next = candidates_[index(chosen)];
  if (is_ready && next.thread != running_ && preemptions_left_ != unlimited) {
    --preemptions_left_;
  }
  resume(next);
}

void Scheduler::collect(std::uint32_t threads, Candidate::Reason reason) noexcept {
  for (; threads != 0; threads &= threads - 1) {
    candidates_[index(candidate_count_++)] = {static_cast<std::uint8_t>(std::countr_zero(threads)),
                                              reason};
  }
}

void Scheduler::collect_candidates() {
  using enum Candidate::Reason;
  candidate_count_ = 0;
  if (ready_ == 0 && (fruitless_ < most_fruitless || timed_ == 0)) {
    fruitless_ += pausing_ != 0 ? 1 : 0;
    ready_ = std::exchange(pausing_, 0);
  }
  const std::uint32_t self = ready_ & bit(running_);
  collect(self, ready);
  collect(ready_ & ~self, ready);
  if (ready_ == 0 || timeouts_left_ > 0) {
    collect(timed_, timeout);
  }
  if (ready_ != 0 && spurious_left_ > 0) {
    collect(sleeping_, spurious);
  }
  if (candidate_count_ == 0) {
    fail("deadlock: " + describe_waits());
  }
}

void Scheduler::resume(Candidate candidate) {
  const int next = candidate.thread;
  Thread& thread = threads_[index(next)];
  if (candidate.reason != Candidate::Reason::ready) {
    thread.timed_out = candidate.reason == Candidate::Reason::timeout;
    if (thread.timed_out) {
      timeouts_left_ -= ready_ != 0 ? 1 : 0;
      now_ns_ = std::max(now_ns_, thread.deadline_ns);
    } else {
      --spurious_left_;
    }
    if (trace_ != nullptr) {
      trace_->add(thread.name, thread.timed_out ? "times out" : "wakes up for no reason");
    }
    sleeping_ &= ~bit(next);
    timed_ &= ~bit(next);
    ready_ |= bit(next);
  }
  granted_ = true;
  if (next == running_) {
    return;
  }
  const int from = std::exchange(running_, next);
  if (options_.thread_locals) {
    threads_[index(from)].locals.save();
    thread.locals.load();
  }
  fiber(from).switch_to(fiber(next));
}

// ---- waiting

bool Scheduler::sleep(const void* address, std::int64_t deadline_ns,
                      const std::source_location& where) {
  Thread& self = threads_[index(running_)];
  self.where = where;
  self.sleeps_on = address;
  self.deadline_ns = deadline_ns;
  self.timed_out = false;
  ready_ &= ~bit(running_);
  sleeping_ |= bit(running_);
  timed_ |= deadline_ns != coeval::never_ns ? bit(running_) : 0;
  decide();
  return !self.timed_out;
}

void Scheduler::wake(const void* address, bool all) {
  std::uint32_t found = 0;
  for (std::uint32_t rest = sleeping_; rest != 0; rest &= rest - 1) {
    const int thread = std::countr_zero(rest);
    found |= threads_[index(thread)].sleeps_on == address ? bit(thread) : 0;
  }
  if (const int waiting = std::popcount(found); !all && waiting > 1) {
    for (int skip = chooser_->choose(waiting, Choice::notify); skip > 0; --skip) {
      found &= found - 1;
    }
    found &= ~(found - 1);
  }
  sleeping_ &= ~found;
  timed_ &= ~found;
  ready_ |= found;
  if (trace_ != nullptr) {
    for (; found != 0; found &= found - 1) {
      trace_->add(name(std::countr_zero(found)), "is woken");
    }
  }
  wrote();
}

void Scheduler::join(std::uint32_t threads, const std::source_location& where) {
  Thread& self = threads_[index(running_)];
  if ((threads & ~(ended_ | killed_)) != 0) {
    self.where = where;
    self.joins = threads;
    ready_ &= ~bit(running_);
    joining_ |= bit(running_);
    decide();
  }
  for (std::uint32_t rest = threads; rest != 0; rest &= rest - 1) {
    memory_.join(running_, std::countr_zero(rest));
  }
}

void Scheduler::wake_joiners() {
  for (std::uint32_t rest = joining_; rest != 0; rest &= rest - 1) {
    const int thread = std::countr_zero(rest);
    if ((threads_[index(thread)].joins & ~(ended_ | killed_)) == 0) {
      joining_ &= ~bit(thread);
      ready_ |= bit(thread);
    }
  }
}

void Scheduler::pause(const std::source_location& where) {
  step(where);
  ready_ &= ~bit(running_);
  pausing_ |= bit(running_);
  decide();
}

void Scheduler::wrote() noexcept {
  ready_ |= pausing_;
  pausing_ = 0;
  fruitless_ = 0;
}

// ---- deaths and other accidents

void Scheduler::maybe_die() {
  const int process = threads_[index(running_)].process;
  if (process < 0 || kills_left_ == 0 || chooser_->choose(2, Choice::kill) == 0) {
    return;
  }
  --kills_left_;
  std::uint32_t victims = 0;
  for (int i = 0; i < count_; ++i) {
    if (threads_[index(i)].process == process && !has_ended(i)) {
      victims |= bit(i);
      if (trace_ != nullptr) {
        trace_->add(name(i), "is KILLED");
      }
    }
  }
  end_thread(killed_, victims);
}

bool Scheduler::spurious_failure() {
  if (spurious_left_ == 0 || chooser_->choose(2, Choice::spurious) == 0) {
    return false;
  }
  --spurious_left_;
  return true;
}

std::string Scheduler::describe_waits() const {
  std::string text = "nobody can go on, and nobody will be woken";
  for (int i = 0; i < count_; ++i) {
    if (!has_ended(i)) {
      text += fmt::format("; {} {} at {}", name(i), (joining_ & bit(i)) != 0 ? "joins" : "sleeps",
                          place(threads_[index(i)].where));
    }
  }
  return text;
}

}  // namespace model
