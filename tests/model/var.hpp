// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// var<T>: ordinary data under the eye of the race detector.

#include "model/memory.hpp"

#include <cstdint>
#include <source_location>
#include <utility>

namespace model {

// Who touched a variable, by vector clocks (FastTrack, Flanagan and Freund, PLDI 2009, with a whole
// clock for the reads). Two accesses by different threads, one of them a write, that no chain of
// release and acquire orders, end the execution as a failure, in whatever order they came.
class Accesses {
 public:
  explicit Accesses(const char* name) noexcept : name_(name) {}

  void read(const std::source_location& where) const;
  void write(const std::source_location& where);

 private:
  [[noreturn]] void report(const char* what, const std::source_location& where, int other,
                           const char* other_what, const std::source_location& other_where) const;
  void renew() const noexcept;

  const char* name_;
  mutable std::uint32_t execution_ = 0;  // to which the rest belongs
  mutable Moment written_;
  mutable Clock reads_;  // the moment of each thread's last read
  mutable std::source_location written_at_;
  mutable std::source_location read_at_;
};

// Data that atomics protect. Not a scheduling point: a race is found in any order of the threads.
//
//   model::var<int> data{0, "data"};
//   x.thread("producer", [&] { data.write(7); ready.store(1, std::memory_order_release); });
template <class T>
class var {
  using Where = std::source_location;

 public:
  explicit var(T value = T{}, const char* name = "data", const Where& where = Where::current())
      : accesses_(name), value_(std::move(value)) {
    accesses_.write(where);
  }
  var(const var&) = delete;
  var& operator=(const var&) = delete;

  const T& read(const Where& where = Where::current()) const {
    accesses_.read(where);
    return value_;
  }
  void write(T value, const Where& where = Where::current()) {
    accesses_.write(where);
    value_ = std::move(value);
  }

 private:
  Accesses accesses_;
  T value_;
};

}  // namespace model
