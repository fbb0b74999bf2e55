// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Which worker of a ProcessPool gets which task.

#include "executors/processes/pool/process_pool.hpp"

#include <coeval/core/hooks.hpp>
#include <coeval/core/system.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>

namespace coeval::detail {
namespace {

using namespace std::chrono_literals;

// A worker is given tasks for about so long ahead: more than it takes to wake another thread.
constexpr std::int64_t ahead_ns = 200'000;
// What lies in one worker's hand while another is idle is left there if it takes no longer.
constexpr std::int64_t short_ns = 100'000;
// Below it a task costs less than the wakes that it may cause.
constexpr std::int64_t tiny_ns = 5'000;
// How long a chunk should take, and how many elements it has at the most.
constexpr std::int64_t chunk_goal_ns = 100'000;
constexpr std::int64_t most_elements = 512;
// What it takes to wake a worker.
constexpr std::int64_t wake_ns = 20'000;
// But only for so long: the task before it may be a long one.
constexpr auto patience = 1ms;
// A worker that has not begun its next task after so long, while another is idle, is silent. Much
// longer than a wake takes on a busy machine, as each look costs the manager a wake.
constexpr auto silence = 10ms;
// A worker has no more tasks in its life: so no position of it comes twice.
constexpr int most_per_child = std::numeric_limits<int>::max();

}  // namespace

// How many tasks a worker may have in hand; one until it is known how long they take.
std::uint32_t ProcessPool::window() const noexcept {
  const std::int64_t mean = mean_ns_.load(std::memory_order_relaxed);
  return mean == 0 ? 1
                   : static_cast<std::uint32_t>(
                         std::clamp<std::int64_t>(1 + ahead_ns / mean, 2, slot_count));
}

// A chunk is what takes a worker some time, if so many tasks of the mean are known to do.
void ProcessPool::set_pace() noexcept {
  const std::int64_t mean = mean_ns_.load(std::memory_order_relaxed);
  const std::int64_t batch = mean == 0 || !takes_chunks()
                                 ? 1
                                 : std::clamp<std::int64_t>(chunk_goal_ns / mean, 1, most_elements);
  const std::size_t each = std::max<std::size_t>(window(), 3 * static_cast<std::size_t>(batch));
  map_pace_.batch.store(static_cast<std::size_t>(batch), std::memory_order_relaxed);
  map_pace_.ahead.store(each * max_workers_, std::memory_order_relaxed);
}

bool ProcessPool::tasks_are_tiny() const noexcept {
  const std::int64_t mean = mean_ns_.load(std::memory_order_relaxed);
  return mean != 0 && mean < tiny_ns;
}

void ProcessPool::note_duration(std::int64_t wall_ns) noexcept {
  constexpr std::int64_t longest = 1'000'000'000;
  constexpr std::int64_t weight = 8;  // of the past
  const std::int64_t taken = std::clamp<std::int64_t>(wall_ns, 1, longest);
  const std::int64_t before = mean_ns_.load(std::memory_order_relaxed);
  mean_ns_.store(before == 0 ? taken : (weight * before + taken + weight) / (weight + 1),
                 std::memory_order_relaxed);
}

// A task with a time limit has a worker for itself, so that its time begins when it is handed over.
ProcessWorker* ProcessPool::choose(bool is_timed) const noexcept {
  const std::uint32_t window = this->window();
  const std::int64_t mean = mean_ns_.load(std::memory_order_relaxed);
  ProcessWorker* best = nullptr;
  std::int64_t best_load = 0;
  for (const Worker& worker : workers_) {
    if (worker->retiring || worker->dead || worker->ending != ProcessWorker::Ending::no ||
        worker->task_deadline || worker->slow) {
      continue;
    }
    const std::uint32_t in_hand = worker->in_hand();
    const std::uint32_t most = suspicion_.is_doubtful(worker->errors_in_a_row) ? 1 : window;
    // The setup is in hand, too, until it is done.
    const bool has_room =
        worker->is_set_up() ? in_hand < (is_timed ? 1 : most) : in_hand < 2 && !is_timed;
    // Waking costs as much as many a task, so one that is awake gets those first.
    const std::int64_t load =
        in_hand * (mean == 0 ? wake_ns : mean) + (worker->is_asleep() ? wake_ns : 0);
    if (has_room && (best == nullptr || load < best_load)) {
      best = worker.get();
      best_load = load;
    }
  }
  return best;
}

void ProcessPool::dispatch() noexcept {
  while (!terminated_) {
    const auto level = queue_.begin();
    TaskList& tasks = level->second;
    if (tasks.empty()) {
      if (queue_.size() == 1) {
        break;
      }
      queue_.erase(level);
      continue;
    }
    Cell& front = tasks.front();
    ProcessTask& task = task_of(front);
    if (task.place != ProcessTask::Place::queued) {
      tasks.pop_front();  // it was withdrawn
      continue;
    }
    ProcessWorker* const worker = choose(front.timeout().count() > 0);
    if (worker == nullptr) {
      break;
    }
    CellRef cell = tasks.pop_front();
    if (!hand_over(*worker, cell, task)) {
      tasks.push_front(std::move(cell));
      break;
    }
  }
  if (queued_ == 0) {
    balance(false);
  }
  if (wants_worker()) {
    ring();
  }
}

// False if the worker has no room. A task that cannot be posted is left to the manager to fail.
bool ProcessPool::hand_over(ProcessWorker& worker, CellRef& cell, ProcessTask& task) noexcept {
  const std::chrono::nanoseconds timeout = cell->timeout();
  task.handed_over_ns = is_observed() ? sys().monotonic_ns() : 0;
  try {
    if (!worker.post(cell, task)) {
      if (worker.retiring) {
        ring();  // it will not have room either
      }
      return false;
    }
  } catch (...) {
    fail_later(std::move(cell), std::current_exception());
    ring();
    return true;
  }
  --queued_;
  if (timeout.count() > 0) {
    worker.task_deadline = Deadline(timeout);
    worker.late = false;
    ring();  // the manager sleeps no longer than until then
  }
  const int most = options_.max_tasks_per_child.value_or(most_per_child);
  if (worker.tasks_posted() >= static_cast<std::uint32_t>(most)) {
    worker.retiring = true;
  }
  return true;
}

// The time that runs already goes on: or else who asks again and again would put it off for ever.
void ProcessPool::balance_later(const std::optional<Deadline>& running) noexcept {
  balance_at_ = running ? running : Deadline(patience);
  if (!running) {
    ring();
  }
}

ChunkTask* ProcessPool::cuttable_chunk() const noexcept {
  for (const Worker& worker : workers_) {
    ChunkTask* const chunk = worker->dead ? nullptr : worker->running_chunk();
    if (chunk != nullptr && worker->running_element(*chunk) + 1 < chunk->end()) {
      return chunk;
    }
  }
  return nullptr;
}

bool ProcessPool::is_idle(const Worker& worker) noexcept {
  return worker->is_set_up() && worker->in_hand() == 0 && !worker->retiring && !worker->dead &&
         !worker->slow && worker->ending == ProcessWorker::Ending::no;
}

// Gives an idle worker half of what another one has in hand and has not begun.
void ProcessPool::balance(bool at_once) noexcept {
  const std::optional<Deadline> patience_ends = std::exchange(balance_at_, std::nullopt);
  if (std::ranges::none_of(workers_, is_idle)) {
    return;
  }
  if (!look_at_) {
    watch_unbegun();
  }
  const auto in_hand = [](const Worker& worker) { return worker->in_hand(); };
  const auto donor = std::ranges::max_element(workers_, {}, in_hand);
  const std::uint32_t unstarted = (*donor)->in_hand() > 1 ? (*donor)->in_hand() - 1 : 0;
  if (unstarted == 0) {
    ChunkTask* const chunk = cuttable_chunk();
    if (chunk != nullptr && !at_once) {
      balance_later(patience_ends);
    } else if (CellRef rest = chunk != nullptr ? cut(*chunk) : CellRef()) {
      give_back(std::move(rest));
      dispatch();
    }
    return;
  }
  const std::int64_t mean = mean_ns_.load(std::memory_order_relaxed);
  if (!at_once && mean != 0 && unstarted * mean < short_ns) {
    balance_later(patience_ends);
    return;
  }
  (*donor)->slow = (*donor)->slow || at_once;  // or else it would get the same ones again
  for (std::uint32_t i = 0; i < (unstarted + 1) / 2; ++i) {
    CellRef cell = (*donor)->take_back_newest();
    if (!cell) {
      break;
    }
    give_back(std::move(cell));
  }
  if ((*donor)->waiters != 0) {
    (*donor)->side().wake_waiters();  // invariant 3
  }
  if (queued_ != 0) {
    dispatch();
  }
}

// A task that its worker has not begun is looked at again after a while. Looked at once in a while,
// however many tasks come and go: or else each would cost the manager a wake.
void ProcessPool::watch_unbegun() noexcept {
  for (const Worker& worker : workers_) {
    const ProcessTask* const next = worker->unbegun_task();
    worker->unbegun = next != nullptr ? next->position : 0;
    if (next != nullptr) {
      look_at_ = Deadline(silence);
    }
  }
  if (look_at_) {
    ring();
  }
}

// What a stopped worker, or one whose processor was taken from it, has not begun is for one that is
// idle; and it gets nothing more until it shows a sign of life.
void ProcessPool::end_silence() noexcept {
  look_at_.reset();
  if (std::ranges::none_of(workers_, is_idle)) {
    return;  // the next that is idle has it looked at again
  }
  for (const Worker& worker : workers_) {
    const ProcessTask* const next = worker->unbegun_task();
    if (next != nullptr && worker->unbegun == next->position) {
      worker->slow = true;
      take_back_unstarted(*worker);
    }
  }
  watch_unbegun();
}

// Takes away what a chunk has behind the element that runs: none if there is nothing, or no memory,
// or the worker is dead: then that waits to be settled.
CellRef ProcessPool::cut(ChunkTask& chunk) noexcept {
  if (chunk.worker->dead) {
    return {};
  }
  try {
    CellRef rest = chunk.make_rest();
    const std::optional<std::uint32_t> from = chunk.worker->cut(chunk);
    if (!from) {
      return {};
    }
    Cell& cell = *rest;
    chunk.give_rest(std::move(rest), *from);
    return CellRef(cell);
  } catch (const std::exception&) {
    return {};
  }
}

// More tasks than workers to take them.
bool ProcessPool::wants_worker() const noexcept {
  std::size_t tasks = queued_;
  std::size_t workers = 0;
  for (const Worker& worker : workers_) {
    if (!worker->dead) {
      ++workers;
      tasks += worker->in_hand() - (worker->is_set_up() || worker->in_hand() == 0 ? 0 : 1);
      if (const ProcessTask* const first = worker->first_in_hand()) {
        tasks += std::max<std::size_t>(first->size(), 1) - 1;  // of a chunk
      }
    }
  }
  return workers < max_workers_ && tasks > workers && broken_ == nullptr;
}

}  // namespace coeval::detail
