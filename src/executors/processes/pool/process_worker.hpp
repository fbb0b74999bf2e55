// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ProcessWorker: one process of a process pool, as the pool sees it.

#include "executors/processes/exchange/buffers.hpp"
#include "executors/processes/exchange/crash_site.hpp"
#include "executors/processes/exchange/region.hpp"
#include "executors/processes/exchange/worker_ends.hpp"
#include "executors/processes/pool/suspicion.hpp"
#include "executors/processes/pool/task_list.hpp"
#include "executors/processes/pool/worker_packets.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/executors/detail/process_chunk.hpp>
#include <coeval/executors/detail/process_task.hpp>
#include <coeval/futures/detail/cell.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coeval::detail {

struct WorkerSetup;

// A task that has ended in a worker. Only the first task of a worker, its setup, has no cell.
struct Ended {
  CellRef cell;
  ProcessTask* task = nullptr;
  std::exception_ptr error;  // null: the cell has the value
  // What the error took the place of: the program's, so it is dropped without the lock.
  std::exception_ptr replaced = nullptr;
  bool is_nonsense = false;   // the error is that the answer does not fit
  std::int64_t began_ns = 0;  // as the worker says; 0: it does not
  std::int64_t wall_ns = 0;
  std::uint32_t position = 0;
  // Of a chunk: the elements that are settled, and how many of them have raised.
  std::vector<CellRef> parts = {};
  std::size_t raised = 0;
  std::size_t finished_parts = 0;
  Spent spent = Spent::no;  // the worker ends, and is to be replaced
  // The sockets of the value once more: so it is not here that one is closed for the last time.
  std::vector<FileDescriptor> sockets = {};
};

// Guarded by the pool's lock, but for what the collector does: one thread at a time collects from a
// worker, without the lock, and only it calls the functions that say so.
class ProcessWorker {
 public:
  // Posts the setup. Errors: std::system_error, RuntimeError.
  ProcessWorker(std::size_t number, const WorkerSetup& setup, std::shared_ptr<BufferStore> buffers);
  ProcessWorker(const ProcessWorker&) = delete;
  ProcessWorker& operator=(const ProcessWorker&) = delete;
  ~ProcessWorker();

  // Starts the process, which takes a millisecond, from the calling thread, which is to outlive it:
  // see SpawnThread. Errors: std::system_error; RuntimeError if this
  // program cannot start children.
  void start(const std::string& pool);
  // What the process works with; once.
  WorkerEnds take_ends() noexcept { return std::move(ends_); }

  std::size_t number() const noexcept { return number_; }
  pid_t pid() const { return process_.pid().value_or(0); }
  multiprocessing::Process& process() noexcept { return process_; }
  const FileDescriptor& socket() const noexcept { return socket_; }
  bool has_untaken_packets() const noexcept { return packets_.has_untaken(); }

  // How many positions were posted and not collected, without those that were taken back.
  std::uint32_t in_hand() const noexcept { return posted_ - collected_ - taken_; }
  bool is_set_up() const noexcept { return collected_ > 0; }
  std::uint32_t tasks_posted() const noexcept { return posted_ - 1; }
  // Of this moment.
  bool is_asleep() const noexcept { return side_.is_asleep(); }

  // Posts a task, and wakes the worker if it sleeps: false if there is no room for it now. Errors:
  // std::system_error.
  bool post(CellRef& cell, ProcessTask& task);
  // Takes a task back that was posted here: false if it has begun.
  bool take_back(std::uint32_t position) noexcept;
  // The cell of a task that was just taken back.
  CellRef take_cell(std::uint32_t position) noexcept;
  // Both for the newest that has not begun; none if there is none.
  CellRef take_back_newest() noexcept;
  bool has_begun(std::uint32_t position) const noexcept;
  // Whether the task there has begun and not ended, so far as the worker tells.
  bool is_running(std::uint32_t position) const noexcept;
  // Whether one of its tasks has begun, and not been collected.
  bool has_running_task() const noexcept;
  // Of a chunk that is posted here: the element that runs, and what is taken away behind it, as
  // ChunkProgress::cut says.
  std::uint32_t running_element(const ChunkTask& chunk) const noexcept;
  std::optional<std::uint32_t> cut(const ChunkTask& chunk) noexcept;
  // The chunk that runs; null for none.
  ChunkTask* running_chunk() const noexcept;
  // The task that runs, or the next to run; null for none, or the setup.
  ProcessTask* first_in_hand() const noexcept;
  // The next to run, if nothing else runs; null for none.
  ProcessTask* unbegun_task() const noexcept;
  // The task that runs, so far as the worker tells; null for none, or the setup.
  ProcessTask* running_task() const noexcept;

  // Asks the task at this position to stop, if it takes a stop_token.
  void ask_to_stop(std::uint32_t position) noexcept { side_.ask_to_stop(position); }
  // Has the worker look out for its next task for a moment before it sleeps: one does in a pool.
  void let_spin() noexcept;
  bool spins() const noexcept { return spins_; }
  // Has the worker end when it has done what it has.
  void close() noexcept { side_.close(); }

  // For waiting: invariant 5 of the exchange.
  PoolSide& side() noexcept { return side_; }
  // Whether something has ended that was not collected.
  bool has_ended_tasks() const noexcept;

  // ---- only the collector
  // Under the lock: sets what is to be collected, at most so many positions; false: nothing.
  bool begin_collecting(std::uint32_t most) noexcept;
  // Takes those tasks, with their results, up to the first answer that does not fit. There is room for
  // them in the vector.
  void collect(std::vector<Ended>& ended);
  // Takes what the worker has sent over the socket.
  WorkerPackets::News receive_packets() noexcept { return packets_.receive(read_); }
  // Under the lock, after collect(): frees their room.
  void free_collected() noexcept;
  // Under the lock, after an answer that did not fit: nothing is collected from it any more.
  void distrust() noexcept;
  bool is_trusted() const noexcept { return !distrusted_.load(std::memory_order_relaxed); }
  // Under the lock: the worker has run the task, so it knows the code of it.
  void has_learned(const ProcessTask& task) noexcept;
  // Of a dead worker: the chunks that have begun, under the lock; and then, without it, the elements
  // that were done. None of one that is not trusted.
  void find_begun_chunks(std::vector<ChunkTask*>& chunks) const noexcept;  // has room for them
  void read_parts(ChunkTask& chunk, Ended& ended);
  // Of a dead worker, under the lock: all that it has not done, the newest first.
  struct Left {
    TaskList victims;    // had begun: one, if the worker kept to the rules
    TaskList untouched;  // had not
    bool setup = false;  // not even the setup was done
  };
  Left take_all_left() noexcept;
  // Where it crashed of that signal, as lines; empty if that is not known.
  std::string crash_lines(int signal) const;
  std::int64_t cpu_ns() const noexcept;
  // When the task there began, as the worker says.
  std::int64_t began_ns(std::uint32_t position) const noexcept;

  // ---- of the pool, which keeps it here
  bool collecting = false;    // a thread is
  bool dead = false;          // its process has ended
  bool retiring = false;      // gets no more tasks
  bool closing = false;       // was told to end
  bool deaf = false;          // has closed its socket, or the kernel lets nobody read it
  bool slow = false;          // runs a long task, or is silent: gets no others meanwhile
  std::uint32_t unbegun = 0;  // the position that it had not begun at the last look; 0: none
  std::uint32_t waiters = 0;  // threads that wait for its tasks
  std::size_t finished = 0;   // tasks that have ended here
  Suspicion::Streak errors_in_a_row = 0;
  bool sick = false;  // is replaced for its errors
  // Why its process is told to end, and when it is told in stronger words.
  enum class Ending : std::uint8_t { no, by_timeout, by_stop };
  enum Step : std::uint8_t { step_ask, step_terminate, step_kill };  // the next one
  Ending ending = Ending::no;
  std::uint32_t ending_position = 0;
  std::uint8_t ending_step = step_ask;
  bool terminated = false;  // SIGTERM was sent
  bool late = false;        // had not begun its task with a time limit when that was over
  int refused_signals = 0;  // in a row
  std::optional<Deadline> ending_next;
  std::optional<Deadline> task_deadline;  // of the one task in hand

 private:
  struct Record {
    CellRef cell;
    ProcessTask* task = nullptr;
    InboxRoom::Range range;
    bool taken = false;
  };

  Record& record(std::uint32_t position) noexcept { return records_[position % slot_count]; }
  const Record& record(std::uint32_t position) const noexcept {
    return records_[position % slot_count];
  }
  std::uint32_t reading() const noexcept { return reading_.load(std::memory_order_relaxed); }
  bool knows(std::uint32_t code) const noexcept;
  bool send(const PacketHead& head, std::span<const std::byte> more,
            std::span<const FileDescriptor> descriptors);
  bool send_buffer(const SharedBuffer& buffer);
  void fill_slot(ProcessTask& task, std::uint64_t offset,
                 std::span<const std::byte> codes) noexcept;
  bool post_setup(const WorkerSetup& setup);
  void read_outcome(std::uint32_t position, Ended& ended);
  void read_chunk(ChunkTask& chunk, const OutSlot& slot, pickle::InputArchive& archive,
                  Ended& ended);
  std::span<const std::byte> result_bytes(const Extent& extent, ProcessTask* task) const;

  const std::size_t number_;
  const std::shared_ptr<BufferStore> buffers_;
  MemoryFile in_;
  MemoryFile out_;
  WorkerInbox& inbox_;
  WorkerOutbox& outbox_;
  PoolSide side_;
  FileDescriptor socket_;
  WorkerEnds ends_;
  multiprocessing::Process process_;

  std::array<Record, slot_count> records_;
  std::uint32_t posted_ = 0;
  // Below it the collector reads: nobody takes anything back. Written under the lock; relaxed, as
  // who reads it without goes on to take the lock.
  atomic<std::uint32_t> reading_{0};
  atomic<bool> distrusted_{false};  // as reading_
  std::uint32_t read_ = 0;          // by the collector
  std::uint32_t collected_ = 0;     // and freed
  std::uint32_t taken_ = 0;         // of those that are posted and not freed
  InboxRoom room_;
  bool spins_ = false;
  std::vector<bool> known_codes_;
  std::vector<std::uint32_t> sent_buffers_;
  std::shared_ptr<SharedBuffer> setup_buffer_;
  const std::size_t max_result_size_;
  WorkerPackets packets_;
};

}  // namespace coeval::detail
