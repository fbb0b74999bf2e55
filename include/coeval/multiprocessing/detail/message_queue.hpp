// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// MessageQueue: what every Queue is underneath, whatever the type of its values.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/pickle/archive.hpp>
#include <coeval/pickle/parcel.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace coeval::multiprocessing::detail {

// A handle of a queue of byte strings in shared memory. Its rules and errors are those of Queue;
// every call but close() and closed() raises ValueError when the handle is closed.
class COEVAL_EXPORT MessageQueue {
 public:
  explicit MessageQueue(std::size_t maxsize);

  // Whether it was put, or taken, before the deadline.
  bool put(std::span<const std::byte> message, Deadline deadline) const;
  bool get(pickle::Bytes& message, Deadline deadline) const;

  void task_done() const;
  void join(Deadline deadline) const;

  std::size_t size() const;
  std::size_t maxsize() const;

  void close() noexcept { memory_.reset(); }
  bool closed() const noexcept { return memory_ == nullptr; }

  void save(pickle::OutputArchive& archive) const;
  static MessageQueue load(pickle::InputArchive& archive);

  [[noreturn]] static void throw_full(std::size_t maxsize);
  [[noreturn]] static void throw_empty();
  static std::string describe(std::size_t size, std::size_t maxsize);

 private:
  class Memory;

  explicit MessageQueue(std::shared_ptr<const Memory> memory) noexcept;
  const Memory& memory() const;

  std::shared_ptr<const Memory> memory_;
};

}  // namespace coeval::multiprocessing::detail
