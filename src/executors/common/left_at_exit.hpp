// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a thread has begun and would not come back to, if a done callback ended the process: std::exit
// does not return. The end of the process has it done then.

#include <utility>

namespace coeval::detail {

class LeftAtExit {
 public:
  LeftAtExit(const LeftAtExit&) = delete;
  LeftAtExit& operator=(const LeftAtExit&) = delete;

  // Does what this thread has begun, the last first, until all is done or a callback does not come back
  // again.
  static void do_all() noexcept;

 protected:
  LeftAtExit() noexcept;
  ~LeftAtExit();

 private:
  virtual void go_on() noexcept = 0;

  LeftAtExit* const outer_;
};

// f() goes on where it stopped: it can be called again inside of a call.
template <class F>
class ResumedAtExit final : public LeftAtExit {
 public:
  explicit ResumedAtExit(F f) noexcept : f_(std::move(f)) {}
  void go_on() noexcept override { f_(); }

 private:
  F f_;
};

}  // namespace coeval::detail
