// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// DescriptorMessage: what sendmsg() wants in order to send bytes and descriptors together.

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstring>
#include <span>

namespace support {

// At most eight descriptors. Refers to the parts.
class DescriptorMessage {
 public:
  DescriptorMessage(std::span<iovec> parts, std::span<const int> descriptors) noexcept {
    message_.msg_iov = parts.data();
    message_.msg_iovlen = parts.size();
    if (descriptors.empty()) {
      return;
    }
    message_.msg_control = control_.data();
    message_.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const rights = CMSG_FIRSTHDR(&message_);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  DescriptorMessage(const DescriptorMessage&) = delete;
  DescriptorMessage& operator=(const DescriptorMessage&) = delete;

  const msghdr* get() const noexcept { return &message_; }

 private:
  static constexpr std::size_t most_descriptors = 8;

  msghdr message_{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(most_descriptors * sizeof(int))> control_{};
};

}  // namespace support
