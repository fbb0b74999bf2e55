// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The tasks of a process pool: their cells, and how one is made.

#include <coeval/core/export.hpp>
#include <coeval/executors/detail/process_call.hpp>
#include <coeval/executors/detail/process_payload.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/remote_task.hpp>
#include <coeval/futures/detail/submit.hpp>
#include <coeval/pickle/pickle.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace coeval::detail {

class ChunkLoop;
class ChunkTask;
class ProcessPool;
class ProcessWorker;

// What a process pool knows of a task, whatever its result. The cell of it is derived from this.
class COEVAL_EXPORT ProcessTask : public RemoteTask {
 public:
  virtual Cell& own_cell() noexcept = 0;
  // Reads a result into the cell, which this side owns. Errors: PickleError.
  virtual void read_result(pickle::InputArchive& archive) = 0;
  // Of how many tasks of the user's it is made, and itself if it is of any number.
  virtual std::size_t size() const noexcept { return 1; }
  virtual ChunkTask* chunk() noexcept { return nullptr; }

  bool withdraw() noexcept override;
  void note_start() noexcept override;
  void help_along(Deadline deadline) override;

  // Set when it is made, and constant: the numbers of the code that it needs. A chunk, which is never
  // called in this process, has no entry.
  CallEntry entry = nullptr;
  std::uint32_t entry_code = 0;
  std::uint32_t callable_code = 0;
  bool takes_stop_token = false;
  Payload payload;

  // Set once, when it is queued.
  std::shared_ptr<ProcessPool> pool;

  // Guarded by the pool's lock.
  enum class Place : std::uint8_t { nowhere, queued, posted };
  Place place = Place::nowhere;
  ProcessWorker* worker = nullptr;  // if posted: its worker, and where there
  std::uint32_t position = 0;
  int deaths = 0;                   // of workers that ran it, or had no memory for it
  std::int64_t handed_over_ns = 0;  // to its worker, if observed; CLOCK_MONOTONIC
  CellRef behind;                   // in a list: the next one
  std::exception_ptr failure;       // if it could not be handed over: why

 protected:
  explicit ProcessTask(std::shared_ptr<BufferStore> buffers) noexcept
      : payload(std::move(buffers)) {}
  ~ProcessTask();

  void ask_to_stop(bool may_kill) noexcept;
  void dropped() noexcept;
};

template <class Result>
class ProcessTaskCell final : public ResultCell<Result>, public ProcessTask {
 public:
  explicit ProcessTaskCell(std::shared_ptr<BufferStore> buffers) noexcept
      : ProcessTask(std::move(buffers)) {}

  RemoteTask* remote() noexcept override { return this; }
  Cell& own_cell() noexcept override { return *this; }
  void read_result(pickle::InputArchive& archive) override {
    if constexpr (std::is_void_v<Result>) {
      this->emplace();
    } else {
      this->emplace(archive.template read<Result>());
    }
    archive.expect_end();
  }

 private:
  void request_stop(bool may_kill) noexcept override { ask_to_stop(may_kill); }
  void drop_callable() noexcept override { dropped(); }
};

template <class F, class... Arguments>
void enter_chunk(pickle::InputArchive& in, pickle::OutputArchive& out, ChunkLoop& loop);

// The large memory of a pool's tasks.
COEVAL_EXPORT std::shared_ptr<BufferStore> buffers_of(ExecutorBackend& backend);
// What arrives for the arguments, and whether everything can cross.
template <class F, class... Args>
struct Crossing {
  static constexpr bool takes_stop_token = TakesStopToken<F, Args...>;

  template <class Indices>
  struct Each;
  template <std::size_t... I>
  struct Each<std::index_sequence<I...>> {
    template <std::size_t J>
    using Arriving =
        ArrivingFor<F, J, std::tuple_element_t<J, std::tuple<Args...>>, takes_stop_token>;

    template <class T>
    static constexpr bool argument_crosses = pickle::Picklable<T> || arrives_as_view<T>;
    static constexpr bool arguments_cross = (argument_crosses<Arriving<I>> && ...);

    static constexpr CallEntry entry() { return &enter_call<takes_stop_token, F, Arriving<I>...>; }
    static constexpr auto chunk_entry() { return &enter_chunk<F, Arriving<I>...>; }
    template <class... As>
    static void write(pickle::OutputArchive& archive, As&&... arguments) {
      (write_call_argument<Arriving<I>>(archive, std::forward<As>(arguments)), ...);
    }
  };
  using Arguments = Each<std::index_sequence_for<Args...>>;

  using Result = TaskResult<F, Args...>;
  static constexpr bool function_crosses = callable_crosses<F>;
  static constexpr bool arguments_cross = Arguments::arguments_cross;
  static constexpr bool result_crosses = std::is_void_v<Result> || pickle::Picklable<Result>;
  static constexpr bool crosses = function_crosses && arguments_cross && result_crosses;
};

// A pending task of a process pool, and the first future of it.
template <class F, class... Args>
auto make_process_task(ExecutorBackend& backend, const TaskOptions* options, F&& f,
                       Args&&... args) {
  using Callable = std::decay_t<F>;
  using Call = Crossing<Callable, std::decay_t<Args>...>;
  auto* const task = new ProcessTaskCell<typename Call::Result>(buffers_of(backend));
  auto future = Future<typename Call::Result>::from_cell(task);
  if (options != nullptr) {
    task->set_options(*options);
  }
  static const std::uint32_t entry_code =
      number_of_code(reinterpret_cast<Code>(Call::Arguments::entry()));
  task->entry = Call::Arguments::entry();
  task->entry_code = entry_code;
  task->callable_code = code_in<Callable>(f);
  task->takes_stop_token = Call::takes_stop_token;
  pickle::OutputArchive archive(task->payload);
  write_call_function<Callable>(archive, f);
  Call::Arguments::write(archive, std::forward<Args>(args)...);
  task->payload.finish(archive);
  return future;
}

}  // namespace coeval::detail
