// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "soak/flight.hpp"

#include <coeval/core/errors.hpp>

#include <signal.h>

#include <cstddef>
#include <exception>

namespace soak {
namespace {

using Act = Expectation::Act;

struct Verdict {
  End end;
  std::string fault = {};  // "" if the task may end so
  Fault kind = Fault::unexpected;
};

Verdict judge_result(Flight& flight) {
  const std::string wrong = flight.fault_of_result();
  if (!wrong.empty()) {
    return {End::returned, wrong, Fault::wrong};
  }
  const Expectation& expected = flight.expected;
  if (expected.was_cancelled) {
    return {End::returned, "it returned, though cancel() said that it was cancelled"};
  }
  if (expected.act != Act::returns && !(expected.act == Act::never_ends && expected.was_stopped)) {
    return {End::returned, "it returned, which it never does"};
  }
  return {End::returned};
}

Verdict judge_death(const Flight& flight, const coeval::WorkerDied& error, Killer& killer) {
  const Expectation& expected = flight.expected;
  if (expected.act == Act::ends_its_process && error.exitcode() == expected.exitcode) {
    return {End::died};
  }
  if (error.signal() == SIGKILL && !expected.may_run_again && killer.answers_for(error.pid())) {
    return {End::died};
  }
  return {End::died, error.what()};
}

Verdict judge_error(const Flight& flight, const std::exception& error) {
  const std::string text = error.what();
  if (flight.expected.act != Act::raises) {
    return {End::raised, "it raised: " + text};
  }
  if (text.find(flight.expected.text) == std::string::npos) {
    return {End::raised, "it raised another's error: " + text, Fault::wrong};
  }
  return {End::raised};
}

Verdict judge(Flight& flight, Killer& killer) {
  try {
    return judge_result(flight);
  } catch (const coeval::CancelledError& error) {
    const bool is_right = flight.expected.was_cancelled || flight.expected.was_stopped;
    return {End::cancelled, is_right ? "" : std::string("nobody cancelled it: ") + error.what()};
  } catch (const coeval::TimeoutError& error) {
    return {End::timed_out, flight.expected.has_limit ? "" : error.what()};
  } catch (const coeval::WorkerDied& error) {
    return judge_death(flight, error, killer);
  } catch (const coeval::QueueFull& error) {
    return {End::refused, flight.expected.may_be_refused ? "" : error.what()};
  } catch (const std::exception& error) {
    return judge_error(flight, error);
  }
}

// How often a task that ended so may have run.
std::string fault_of_runs(const Expectation& expected, End end, int runs) {
  if (!expected.counts_its_runs) {
    return "";
  }
  const int most = end == End::cancelled && expected.was_cancelled ? 0 : 1;
  const int least = end == End::returned || end == End::raised ? 1 : 0;
  if (runs < least || (runs > most && !expected.may_run_again)) {
    return "it ran " + std::to_string(runs) + " times";
  }
  return "";
}

std::string named(const Flight& flight, const std::string& what) {
  return std::string(flight.kind) + " " + std::to_string(slot_of(flight.id)) + ": " + what;
}

}  // namespace

void Landings::land(Flight& flight, const Runs& runs, Killer& killer, Ledger& ledger) {
  const std::size_t slot = slot_of(flight.id);
  if (flight.future.valid()) {
    flight.future.wait();
  }
  const Verdict verdict = judge(flight, killer);
  if (!verdict.fault.empty()) {
    ledger.found(verdict.kind, named(flight, verdict.fault));
  }
  const int count = runs.of(slot);
  if (const std::string fault = fault_of_runs(flight.expected, verdict.end, count);
      !fault.empty()) {
    ledger.found(count == 0 ? Fault::lost : Fault::doubled, named(flight, fault));
  }
  seen_[slot] = {.runs = static_cast<std::uint8_t>(count),
                 .calls = static_cast<std::uint8_t>(flight.future.valid() ? 1 : 0),
                 .may_run_later = verdict.end == End::timed_out ||
                                  (verdict.end == End::cancelled && flight.expected.was_stopped),
                 .may_run_again = flight.expected.may_run_again};
  ledger.ended(verdict.end);
  killer.note_results(1);
}

void Landings::drop(TaskId id, Ledger& ledger) {
  seen_[slot_of(id)].may_run_later = true;
  ledger.ended(End::dropped);
}

void Landings::close(const Runs& runs, Ledger& ledger) const {
  for (std::size_t slot = 0; slot < seen_.size(); ++slot) {
    const Seen& seen = seen_[slot];
    const int count = runs.of(slot);
    if (!seen.may_run_again && (seen.may_run_later ? count > 1 : count != seen.runs)) {
      ledger.found(Fault::doubled, "task " + std::to_string(slot) + " ran after its end");
    }
    const int calls = called_back_[slot];
    if (calls != seen.calls) {
      ledger.found(
          calls == 0 ? Fault::lost : Fault::doubled,
          "task " + std::to_string(slot) + " was called back " + std::to_string(calls) + " times");
    }
  }
}

}  // namespace soak
