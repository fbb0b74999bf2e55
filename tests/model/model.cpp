// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/model.hpp"

#include "model/crash.hpp"
#include "model/scheduler.hpp"
#include "model/search.hpp"
#include "model/system.hpp"
#include "model/trace.hpp"
#include "support/watchdog.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <utility>

namespace model {
namespace {

Scheduler& scheduler(const char* caller) {
  if (Scheduler* s = Scheduler::current()) {
    return *s;
  }
  throw std::logic_error(fmt::format("{}: no execution runs here", caller));
}

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

// What the environment asks this exploration to replay: choices, or "seed:" and a seed.
std::optional<std::string> replay_for(const std::string& name) {
  const char* text = std::getenv("COEVAL_MODEL_REPLAY");
  if (text == nullptr) {
    return std::nullopt;
  }
  const std::string_view whole = text;
  const std::size_t slash = whole.rfind('/');
  const std::string_view wanted = slash == whole.npos ? "" : whole.substr(0, slash);
  if (wanted != name) {
    return std::nullopt;
  }
  return std::string(slash == whole.npos ? whole : whole.substr(slash + 1));
}

std::string bounds_of(const Options& options) {
  std::string text;
  if (options.search == Search::exhaustive) {
    text = "exhaustive search, preemptions ≤ " +
           (options.preemptions == unlimited ? "∞" : std::to_string(options.preemptions));
  } else {
    text = options.search == Search::random ? "random search" : "pct search";
  }
  text += options.memory == Memory::weak ? ", weak memory" : ", sequential memory";
  return options.kills > 0 ? text + fmt::format(", kills ≤ {}", options.kills) : text;
}

// One exploration.
class Exploration {
 public:
  Exploration(const Options& options, const std::function<void(Execution&)>& body)
      : options_(options), body_([&body] {
          Execution execution;
          body(execution);
        }) {
    options_.seed = number_from_environment("COEVAL_MODEL_SEED", options_.seed);
    if (options_.search == Search::exhaustive && options_.preemptions != unlimited) {
      options_.preemptions += static_cast<int>(number_from_environment("COEVAL_MODEL_DEEPER", 0));
    } else if (options_.search != Search::exhaustive) {
      options_.executions = (options_.executions != 0 ? options_.executions : 10'000) *
                            number_from_environment("COEVAL_MODEL_TIMES", 1);
    }
  }

  Result run() {
    if (Scheduler::current() != nullptr) {
      throw std::logic_error("model::explore: an exploration inside an exploration");
    }
    if (options_.thread_locals && !thread_locals_supported) {
      throw std::logic_error("model::explore: no thread_locals under a sanitizer");
    }
    const ModelSystem system;
    if (const auto wanted = replay_for(options_.name)) {
      replay(*wanted);
    } else {
      search();
    }
    return std::move(result_);
  }

 private:
  int preemptions() const noexcept {
    return options_.search == Search::exhaustive ? options_.preemptions : unlimited;
  }

  void search() {
    const auto begin = std::chrono::steady_clock::now();
    const auto chooser = make_chooser(options_);
    Scheduler scheduler(options_, preemptions());
    const CrashReport crash_report(options_.name, *chooser);
    while (options_.executions == 0 || result_.executions < options_.executions) {
      if (!chooser->next_execution()) {
        result_.complete = options_.search == Search::exhaustive;
        break;
      }
      const bool passed = scheduler.execute(body_, *chooser, nullptr);
      ++result_.executions;
      support::feed_watchdogs();
      result_.steps += static_cast<std::uint64_t>(scheduler.steps());
      if (!passed) {
        explain(scheduler.failure(), *chooser);
        break;
      }
    }
    finish(begin);
  }

  // Runs the failing execution again and writes it down.
  void explain(const std::string& failure, const Chooser& chooser) {
    result_.passed = false;
    result_.failure = failure;
    result_.seed = chooser.seed();
    result_.replay = text_of(chooser.choices());
    if (!options_.name.empty()) {
      result_.replay = options_.name + "/" + result_.replay;
    }
    ReplayChooser again(chooser.choices());
    again.next_execution();
    Trace trace;
    Scheduler scheduler(options_, preemptions());
    scheduler.execute(body_, again, &trace);
    result_.interleaving = trace.text();
    if (scheduler.failure() != failure) {
      result_.interleaving +=
          "  (A second run with the same choices went another way: the test does not do the same "
          "thing every time.)\n";
    }
  }

  void replay(const std::string& wanted) {
    const auto begin = std::chrono::steady_clock::now();
    std::unique_ptr<Chooser> chooser;
    if (wanted.starts_with("seed:")) {
      options_.seed = std::stoull(wanted.substr(5));
      if (options_.search == Search::exhaustive) {
        options_.search = Search::random;
      }
      chooser = make_chooser(options_);
    } else {
      chooser = std::make_unique<ReplayChooser>(parse_choices(wanted));
    }
    chooser->next_execution();
    Trace trace;
    Scheduler scheduler(options_, preemptions());
    result_.passed = scheduler.execute(body_, *chooser, &trace);
    result_.executions = 1;
    result_.steps = static_cast<std::uint64_t>(scheduler.steps());
    result_.failure = scheduler.failure();
    result_.replay = wanted;
    result_.interleaving = trace.text();
    finish(begin);
    fmt::print("{}", result_.report());
  }

  void finish(std::chrono::steady_clock::time_point begin) {
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    result_.seconds = time.count();
    const auto count = static_cast<double>(result_.executions);
    result_.summary =
        fmt::format("{}{}{}: {} execution{}{}, {:.1f} steps each, {:.2f} s, {:.0f}/s",
                    options_.name, options_.name.empty() ? "" : ": ", bounds_of(options_),
                    result_.executions, result_.executions == 1 ? "" : "s",
                    result_.complete ? " (all)" : "", static_cast<double>(result_.steps) / count,
                    result_.seconds, count / std::max(result_.seconds, 1e-9));
  }

  Options options_;
  std::function<void()> body_;
  Result result_;
};

}  // namespace

std::string Result::report() const {
  std::string text = "model: " + summary + "\n";
  if (!interleaving.empty()) {
    text += interleaving;
  }
  if (!passed) {
    text +=
        fmt::format("  FAILED: {}\n  execution {}{}; see it again with COEVAL_MODEL_REPLAY='{}'\n",
                    failure, executions, seed != 0 ? fmt::format(", seed {}", seed) : "", replay);
  }
  return text;
}

Result explore(const Options& options, const std::function<void(Execution&)>& body) {
  return Exploration(options, body).run();
}

void check(bool condition, std::string_view text, const std::source_location& where) {
  if (!condition) {
    scheduler("model::check").fail(fmt::format("{} ({})", text, place(where)));
  }
}

int thread_id() noexcept {
  const Scheduler* s = Scheduler::current();
  return s != nullptr ? s->running() : 0;
}

void name_memory(const void* object, std::size_t size, std::string_view text) {
  if (Trace* trace = scheduler("model::name").trace()) {
    trace->name(object, size, text);
  }
}

// ---- threads

ThreadHandle Execution::thread(std::string name, coeval::Function<void()> function) {
  const int id = scheduler("model::Execution").spawn(std::move(name), std::move(function), -1);
  started_ |= std::uint32_t{1} << static_cast<unsigned>(id);
  return ThreadHandle(id);
}

ThreadHandle Execution::killable(std::string name, coeval::Function<void()> function) {
  // A process of its own: a number that no process given by hand should have.
  return killable(std::move(name), INT32_MAX - std::popcount(started_), std::move(function));
}

ThreadHandle Execution::killable(std::string name, int process, coeval::Function<void()> function) {
  if (process < 0) {
    throw std::invalid_argument("model::Execution::killable: a process has a number from 0 up");
  }
  const int id = scheduler("model::Execution").spawn(std::move(name), std::move(function), process);
  started_ |= std::uint32_t{1} << static_cast<unsigned>(id);
  return ThreadHandle(id);
}

void Execution::run(const std::source_location& where) {
  scheduler("model::Execution::run").join(started_, where);
}

void ThreadHandle::join(const std::source_location& where) const {
  scheduler("model::ThreadHandle::join")
      .join(std::uint32_t{1} << static_cast<unsigned>(id_), where);
}

bool ThreadHandle::killed() const noexcept {
  const Scheduler* s = Scheduler::current();
  return s != nullptr && s->was_killed(id_);
}

}  // namespace model
