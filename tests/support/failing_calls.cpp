// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/failing_calls.hpp"

#include <coeval/core/system.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <type_traits>
#include <utility>

namespace coeval::testing {
namespace {

constexpr const char* variable = "COEVAL_TEST_FAILING_CALL";

std::atomic<int> planned_error{0};

// Threads that meet at the last call leave a small negative number.
bool fails_now(std::atomic<int>& left) noexcept {
  if (left.load() <= for_good) {
    --left;
    return true;
  }
  return left.load() > 0 && left.fetch_sub(1) == 1;
}

template <class Part, class Table>
auto& part_of(Table& table) noexcept {
  if constexpr (std::is_same_v<Part, DescriptorCalls>) {
    return table.descriptor;
  } else if constexpr (std::is_same_v<Part, ProcessCalls>) {
    return table.process;
  } else {
    return table;
  }
}

enum class When { instead, afterwards };

// One entry: its counter, and the function that stands in for it.
template <auto member, int sign, When when, class Member = decltype(member)>
struct Replacement;

template <auto member, int sign, When when, class Part, class Result, class... Arguments>
struct Replacement<member, sign, when, Result (*Part::*)(Arguments...) noexcept> {
  static inline std::atomic<int> left{0};

  static Result call(Arguments... arguments) noexcept {
    const bool fails = fails_now(left);
    Result result{};
    if (!fails || when == When::afterwards) {
      result = (part_of<Part>(kernel()).*member)(arguments...);
    }
    return fails ? static_cast<Result>(sign * planned_error.load()) : result;
  }
  static void put_into(SystemCalls& table) { part_of<Part>(table).*member = call; }
};

std::atomic<int> maps_left{0};

void* map(std::size_t size, int protection, int fd, int* error) noexcept {
  if (fails_now(maps_left)) {
    *error = planned_error.load();
    return nullptr;
  }
  return kernel().descriptor.map(size, protection, fd, error);
}

struct Failing {
  SystemCalls table = kernel();
  std::vector<FailingEntry> entries;

  // Returns the error.
  template <auto member, When when = When::instead>
  void add(const char* name, std::vector<int> errors) {
    using Entry = Replacement<member, 1, when>;
    Entry::put_into(table);
    entries.push_back({name, std::move(errors), &Entry::left});
  }
  // Returns minus the error.
  template <auto member>
  void add_count(const char* name, std::vector<int> errors) {
    using Entry = Replacement<member, -1, When::instead>;
    Entry::put_into(table);
    entries.push_back({name, std::move(errors), &Entry::left});
  }

  Failing() {
    add_memory();
    add_sockets();
    add_processes();
  }

  void add_memory() {
    using D = DescriptorCalls;
    add<&D::close, When::afterwards>("close", {EINTR, EIO});
    add_count<&D::duplicate>("duplicate", {EMFILE});
    add_count<&D::open>("open", {EACCES, EINTR, EMFILE, ENFILE, ENOENT, ENOMEM});
    add<&D::redirect>("redirect", {EBUSY, EINTR, EMFILE});
    add<&D::unlink>("unlink", {EACCES, EBUSY, ENOENT, ENOMEM, EPERM, EROFS});
    add_count<&D::size>("size", {ENOMEM, EOVERFLOW});
    add<&D::identity>("identity", {ENOMEM, EOVERFLOW});
    add<&D::look>("look", {EACCES, ELOOP, ENOENT, ENOMEM});
    add_count<&D::memory_file>("memory_file", {EMFILE, ENFILE, ENOMEM});
    add_count<&D::shared_open>("shared_open", {EACCES, EEXIST, EINVAL, EMFILE, ENFILE, ENOENT});
    add<&D::shared_unlink>("shared_unlink", {EACCES, ENOENT});
    add<&D::truncate>("truncate", {EFBIG, EINTR, EINVAL, EIO, EPERM});
    add<&D::allocate>("allocate", {EFBIG, EIO, ENODEV, ENOSPC, EOPNOTSUPP});
    add<&D::seal>("seal", {EBUSY, EPERM});
    add_count<&D::seals>("seals", {EINVAL});
    table.descriptor.map = map;
    entries.push_back({"map", {EACCES, EAGAIN, ENFILE, ENODEV, ENOMEM, EPERM}, &maps_left});
    add<&D::unmap, When::afterwards>("unmap", {EINVAL, ENOMEM});
    add_count<&SystemCalls::read_file>("read_file", {EIO, EMFILE, ENOENT, ENOMEM});
    add<&SystemCalls::random>("random", {EIO, ENOSYS});
    add<&SystemCalls::futex_wait>("futex_wait", {EAGAIN, EINTR});
    add<&SystemCalls::shared_futex_wait>("shared_futex_wait", {EAGAIN, EINTR});
  }

  void add_sockets() {
    using D = DescriptorCalls;
    add_count<&D::socket>("socket", {EACCES, EMFILE, ENFILE, ENOBUFS, ENOMEM});
    add<&D::socket_pair>("socket_pair", {EMFILE, ENFILE, ENOMEM});
    add<&D::bind>("bind", {EACCES, EADDRINUSE, ELOOP, ENOENT, ENOMEM, ENOTDIR, EROFS});
    add<&D::listen>("listen", {EADDRINUSE, EOPNOTSUPP});
    add_count<&D::accept>(
        "accept", {EAGAIN, ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTO});
    add<&D::connect>("connect", {EACCES, EAGAIN, ECONNREFUSED, EINTR, ENOENT, EPROTOTYPE});
    add<&D::get_option>("get_option", {EINVAL, ENOMEM});
    add<&D::set_option>("set_option", {EDOM, ENOMEM});
    add_count<&D::send>(
        "send", {EAGAIN, ECONNRESET, EINTR, EMSGSIZE, ENOBUFS, ENOMEM, EPIPE, ETOOMANYREFS});
    add_count<&D::receive>("receive", {EAGAIN, ECONNRESET, EINTR, ENOMEM});
    add_count<&D::poll>("poll", {EINTR, EINVAL, ENOMEM});
  }

  void add_processes() {
    using P = ProcessCalls;
    add<&P::spawn>("spawn", {E2BIG, EACCES, EAGAIN, EMFILE, ENOENT, ENOMEM});
    add_count<&P::open>("open_process", {EINVAL, EMFILE, ENFILE, ENODEV, ENOMEM, ESRCH});
    add<&P::signal>("signal", {EINVAL, EPERM, ESRCH});
    add<&P::reap, When::afterwards>("reap", {ECHILD});
    add<&SystemCalls::thread_create>("thread_create", {EAGAIN, EPERM});
    add<&SystemCalls::thread_set_name>("thread_set_name", {ERANGE});
  }
};

const Failing& failing() {
  static const Failing& made = []() -> const Failing& {
    const Failing& failing = *new Failing;
    replace_system_calls(failing.table);
    return failing;
  }();
  return made;
}

std::atomic<int>* failing_in_child = nullptr;

void plan(const FailingEntry& entry, int error, int nth) {
  planned_error = error;
  *entry.left = nth;
}

// Runs before a child is taken over.
const bool planned_by_parent = [] {
  const char* const text = std::getenv(variable);
  if (text == nullptr) {
    return false;
  }
  std::istringstream words(text);
  std::size_t entry = 0;
  int error = 0;
  int nth = 0;
  words >> entry >> error >> nth;
  failing_in_child = failing_entries().at(entry).left;
  plan(failing_entries().at(entry), error, nth);
  return true;
}();

// A child that is not taken over would run the tests, whose children would run the tests.
class EndIfNotTakenOver final : public ::testing::Environment {
  void SetUp() override {
    if (planned_by_parent) {
      std::fputs("a child was not taken over: it came to main()\n", stderr);
      std::_Exit(3);
    }
  }
};
const ::testing::Environment* const brake =
    ::testing::AddGlobalTestEnvironment(new EndIfNotTakenOver);

}  // namespace

const std::vector<FailingEntry>& failing_entries() {
  return failing().entries;
}

const FailingEntry& failing_entry(const std::string& name) {
  return *std::ranges::find(failing_entries(), name, &FailingEntry::name);
}

FailingCall::FailingCall(const FailingEntry& entry, int error, int nth) : entry_(entry) {
  plan(entry, error, nth);
}

FailingCall::~FailingCall() {
  *entry_.left = 0;
}

bool FailingCall::has_failed() const {
  return *entry_.left <= 0 && *entry_.left != for_good;
}

int FailingCall::refused() const {
  return for_good - *entry_.left;
}

FailingCallInChildren::FailingCallInChildren(const FailingEntry& entry, int error, int nth) {
  const auto index = &entry - failing_entries().data();
  const std::string text =
      std::to_string(index) + " " + std::to_string(error) + " " + std::to_string(nth);
  ::setenv(variable, text.c_str(), 1);
}

FailingCallInChildren::~FailingCallInChildren() {
  ::unsetenv(variable);
}

bool has_failed_in_child() {
  return failing_in_child != nullptr && *failing_in_child <= 0 && *failing_in_child != for_good;
}

}  // namespace coeval::testing
