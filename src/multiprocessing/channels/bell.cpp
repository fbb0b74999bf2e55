// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/channels/bell.hpp"

#include "multiprocessing/channels/packet_socket.hpp"

#include <coeval/core/log.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <system_error>
#include <tuple>

namespace coeval::multiprocessing::detail {
namespace {

// An error that passes (the kernel has no memory, a signal came) does not come so often in a row.
constexpr int most_failures = 100;

constexpr std::int64_t a_little_ns = 10'000'000;

msghdr message_of(iovec& part) noexcept {
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return message;
}

}  // namespace

Bell::Bell(const char* listener) : listener_(listener) {
  std::tie(ringing_, hearing_) = packet_sockets();
}

void Bell::ring() noexcept {
  if (rung_.exchange(1, std::memory_order_seq_cst) != 0 ||
      refusal_.load(std::memory_order_relaxed) != 0) {
    return;
  }
  char note = 1;
  iovec part{.iov_base = &note, .iov_len = 1};
  const msghdr message = message_of(part);
  ssize_t sent = -1;
  for (int i = 0; i < most_failures && sent < 0; ++i) {
    sent = sys().descriptor.send(ringing_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (sent < 0) {
    // Takes no memory, and wakes the listener: invariant 3.
    refusal_.store(static_cast<std::int32_t>(-sent), std::memory_order_relaxed);
    sys().descriptor.shutdown(ringing_.get(), SHUT_WR);
  }
}

pollfd Bell::watched() const noexcept {
  return {.fd = is_broken_ ? -1 : hearing_.get(), .events = POLLIN, .revents = 0};
}

std::int64_t Bell::latest(std::int64_t deadline_ns) const noexcept {
  return is_broken_ ? std::min(deadline_ns, sys().monotonic_ns() + a_little_ns) : deadline_ns;
}

void Bell::hear() noexcept {
  while (!is_broken_) {
    std::array<char, 16> rings;
    iovec part{.iov_base = rings.data(), .iov_len = rings.size()};
    msghdr message = message_of(part);
    const ssize_t got = sys().descriptor.receive(hearing_.get(), &message, MSG_DONTWAIT);
    if (got == 0) {
      give_up(refusal_.load(std::memory_order_relaxed));
    } else if (got > 0) {
      failures_ = 0;
    } else if (got == -EAGAIN) {
      return;
    } else if (++failures_ >= most_failures) {
      give_up(static_cast<int>(-got));
    }
  }
}

void Bell::give_up(int error) noexcept {
  is_broken_ = true;
  try {
    log(Severity::warning, "coeval.multiprocessing",
        fmt::format("the kernel refuses to wake {} ({}): it looks around every {} ms instead",
                    listener_, std::generic_category().message(error), a_little_ns / 1'000'000));
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): no memory to say so
  }
}

void Bell::wait_a_little() const noexcept {
  const std::int64_t until = sys().monotonic_ns() + a_little_ns;
  pollfd bell = watched();
  if (sys().descriptor.poll(&bell, 1, until) < 0) {
    const std::uint32_t nobody_changes_it = 0;
    sys().futex_wait(&nobody_changes_it, 0, until);
  }
}

}  // namespace coeval::multiprocessing::detail
