// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The library's exceptions: one tree under coeval::Error, with Python's names.
//
//   Error ← RuntimeError ← BrokenExecutor ← BrokenThreadPool, BrokenProcessPool
//         |              ← BrokenBarrierError
//         ← ValueError, InvalidStateError, CancelledError, TimeoutError, QueueFull, QueueEmpty,
//           BrokenPromise, ExceptionGroup, SystemExit, PickleError, RemoteError, RemoteTraceback,
//           WorkerDied, OwnerDied, EOFError
//
// A failed system call that has no better name is a std::system_error whose text names the call.
// Every text says what happened, to which named thing, and what to do next.

#include <coeval/core/export.hpp>

#include <sys/types.h>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

namespace coeval {

namespace detail {
struct RemoteFrames;
}

// The root: catch this for anything that the library itself raises.
class COEVAL_EXPORT Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A call at the wrong time or from the wrong thread: submit after shutdown, release of a lock that
// is not held, start of a started thread.
class COEVAL_EXPORT RuntimeError : public Error {
 public:
  using Error::Error;
};

// An argument outside its range.
class COEVAL_EXPORT ValueError : public Error {
 public:
  using Error::Error;
};

// A future or promise is not in a state that allows the call: a second result, a result taken
// twice.
class COEVAL_EXPORT InvalidStateError : public Error {
 public:
  using Error::Error;
};

// The future was cancelled before it ran.
class COEVAL_EXPORT CancelledError : public Error {
 public:
  using Error::Error;
};

// A deadline passed. The thing waited for goes on, unless the text says otherwise.
class COEVAL_EXPORT TimeoutError : public Error {
 public:
  using Error::Error;
};

// A bounded queue has no room, and the caller asked not to wait.
class COEVAL_EXPORT QueueFull : public Error {
 public:
  using Error::Error;
};

// A queue has nothing to give, and the caller asked not to wait.
class COEVAL_EXPORT QueueEmpty : public Error {
 public:
  using Error::Error;
};

// A Promise was dropped without a result: nobody can ever set it.
class COEVAL_EXPORT BrokenPromise : public Error {
 public:
  using Error::Error;
};

// A Barrier was aborted or reset, or a waiter timed out or failed in its action.
class COEVAL_EXPORT BrokenBarrierError : public RuntimeError {
 public:
  using RuntimeError::RuntimeError;
};

// An executor can run no more tasks. The text says why.
class COEVAL_EXPORT BrokenExecutor : public RuntimeError {
 public:
  using RuntimeError::RuntimeError;
};

// An initializer of a ThreadPoolExecutor failed.
class COEVAL_EXPORT BrokenThreadPool : public BrokenExecutor {
 public:
  using BrokenExecutor::BrokenExecutor;
};

// The workers of a ProcessPoolExecutor cannot be used: its initializer failed, or they died one after
// the other before they ran a task. The text says how the last one ended.
class COEVAL_EXPORT BrokenProcessPool : public BrokenExecutor {
 public:
  using BrokenExecutor::BrokenExecutor;
};

// Several failures at once. The text counts and describes them.
class COEVAL_EXPORT ExceptionGroup : public Error {
 public:
  // At least one exception, none of them null; ValueError otherwise.
  ExceptionGroup(const std::string& message, std::vector<std::exception_ptr> exceptions);
  ExceptionGroup(const ExceptionGroup&) = default;
  ExceptionGroup& operator=(const ExceptionGroup&) = default;
  ~ExceptionGroup() override;

  const std::vector<std::exception_ptr>& exceptions() const noexcept { return exceptions_; }

 private:
  std::vector<std::exception_ptr> exceptions_;
};

// Ends the thread that raises it, quietly; as Python's SystemExit.
class COEVAL_EXPORT SystemExit : public Error {
 public:
  explicit SystemExit(int code = 0);
  int code() const noexcept { return code_; }

 private:
  int code_;
};

// A value cannot be pickled, or bytes are not what pickle::dumps makes of the type asked for. The
// text names the type.
class COEVAL_EXPORT PickleError : public Error {
 public:
  using Error::Error;
};

// An exception from another process whose type cannot be made again here. The text is type and
// message, and the stack below them.
class COEVAL_EXPORT RemoteError : public Error {
 public:
  // type: the readable name of the exception's type. message: its what(). stack: where it was
  // thrown, as ThrowStack::text() has it; empty when that is not known.
  RemoteError(std::string type, std::string message, std::string stack = {});
  RemoteError(const RemoteError&) = default;
  RemoteError& operator=(const RemoteError&) = default;
  ~RemoteError() override;

  const std::string& type() const noexcept { return type_; }
  const std::string& message() const noexcept { return message_; }
  const std::string& stack() const noexcept { return stack_; }

 private:
  std::string type_;
  std::string message_;
  std::string stack_;
};

// Where an exception that came from another process was thrown. It is nested in that exception, or in
// what is nested there, so that the exception itself keeps its type; Python has the remote traceback
// as the cause likewise. error_stack() finds it.
class COEVAL_EXPORT RemoteTraceback : public Error {
 public:
  // For the library's own parts. frames is not null.
  explicit RemoteTraceback(std::shared_ptr<const detail::RemoteFrames> frames);
  RemoteTraceback(const RemoteTraceback&) = default;
  RemoteTraceback& operator=(const RemoteTraceback&) = default;
  ~RemoteTraceback() override;

  // As ThrowStack::text() has it; empty if this process does not know the code. Takes milliseconds.
  std::string stack() const;

  // For the library's own parts.
  const detail::RemoteFrames& frames() const noexcept { return *frames_; }

 private:
  std::shared_ptr<const detail::RemoteFrames> frames_;
};

// The process that ran a task died: of a signal, or because the task ended it. The text names the
// task, the process and how it ended, and has the stack below it.
class COEVAL_EXPORT WorkerDied : public Error {
 public:
  // exitcode: what the process returned, or minus the number of the signal that killed it. stack:
  // where it crashed, as ThrowStack::text() has it; empty when that is not known.
  WorkerDied(const std::string& message, int exitcode, pid_t pid, std::string stack = {});
  WorkerDied(const WorkerDied&) = default;
  WorkerDied& operator=(const WorkerDied&) = default;
  ~WorkerDied() override;

  // The number of the signal, 0 if it ended by itself.
  int signal() const noexcept { return exitcode_ < 0 ? -exitcode_ : 0; }
  int exitcode() const noexcept { return exitcode_; }
  pid_t pid() const noexcept { return pid_; }
  const std::string& stack() const noexcept { return stack_; }

 private:
  int exitcode_;
  pid_t pid_;
  std::string stack_;
};

// The process or thread that held a lock died without releasing it: what the lock protects may be
// half changed. Raised once, to the next one who wants the lock, who does not get it.
class COEVAL_EXPORT OwnerDied : public Error {
 public:
  using Error::Error;
};

// The other end of a connection is closed and everything it sent has been received.
class COEVAL_EXPORT EOFError : public Error {
 public:
  using Error::Error;
};

// A readable name of a type: "std::vector<int>" and not what the linker calls it.
COEVAL_EXPORT std::string type_name(const std::type_info& type);

// For a log: "coeval::TimeoutError: the text", one line if the text is one; an exception that is no
// std::exception gives its type's name; nullptr gives "no exception". Nested exceptions follow
// after " ← ", but for a RemoteTraceback.
COEVAL_EXPORT std::string describe(const std::exception_ptr& error);

// Where an exception was thrown that came from another process, or where that process crashed: the
// stack of a RemoteError, a WorkerDied or a RemoteTraceback, be it this one or nested in it. A line
// per frame, as ThrowStack::text() has it; empty if that is not known. Takes milliseconds.
COEVAL_EXPORT std::string error_stack(const std::exception_ptr& error);

}  // namespace coeval
