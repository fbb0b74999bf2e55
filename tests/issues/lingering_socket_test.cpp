// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A socket that a task sends may be made so that its close takes ten minutes (SO_LINGER). No thread that
// others need closes it.

#include "support/descriptor_message.hpp"

#include <coeval/core/file_descriptor.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/futures/futures.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace {

using coeval::FileDescriptor;
using coeval::Future;
using coeval::ProcessPoolExecutor;
using coeval::multiprocessing::Process;

// Listens, and never reads.
class Deaf {
 public:
  Deaf() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_.get(), 100), 0);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  std::uint16_t port() const { return port_; }

 private:
  FileDescriptor socket_;
  std::uint16_t port_ = 0;
};

// Connected to that port, full, and slow to close.
FileDescriptor lingering(std::uint16_t port) {
  FileDescriptor made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  ::connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const std::vector<char> bytes(1 << 16);
  while (::send(made.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {
  }
  const linger ten_minutes{.l_onoff = 1, .l_linger = 600};
  ::setsockopt(made.get(), SOL_SOCKET, SO_LINGER, &ten_minutes, sizeof ten_minutes);
  return made;
}

// To each socket that leads to the parent, in a packet of the library's that it does not ask for.
int send_unasked(std::uint16_t port) {
  const FileDescriptor one = lingering(port);
  struct {
    std::uint64_t size = 8;
    std::uint32_t descriptors = 1;
    std::uint32_t in_file = 0;
    std::uint32_t kind = 1;      // descriptors
    std::uint32_t number = 100;  // of a later result
  } packet;
  int sent = 0;
  for (int fd = 3; fd < 64; ++fd) {
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) {
      continue;
    }
    iovec part{.iov_base = &packet, .iov_len = sizeof packet};
    const int number = one.get();
    const support::DescriptorMessage message({&part, 1}, {&number, 1});
    sent += ::sendmsg(fd, message.get(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0 ? 1 : 0;
  }
  return sent;
}

int twice(int n) {
  return 2 * n;
}

void pool_works() {
  ProcessPoolExecutor pool({.max_workers = 2});
  EXPECT_EQ(pool.submit(twice, 4).result(), 8);
  Process process([] {});
  process.start();
  process.join();
}

TEST(LingeringSocket, of_a_result_that_nobody_wants_holds_up_nobody) {
  const Deaf deaf;
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int i = 0; i < 3; ++i) {
    pool.submit(lingering, deaf.port());
  }
  EXPECT_EQ(pool.submit(twice, 3).result(), 6);
  pool_works();
}

TEST(LingeringSocket, that_nobody_has_asked_for_holds_up_nobody) {
  const Deaf deaf;
  {
    ProcessPoolExecutor pool({.max_workers = 1});
    EXPECT_GT(pool.submit(send_unasked, deaf.port()).result(), 0);
    EXPECT_EQ(pool.submit(twice, 3).result(), 6);
  }
  pool_works();
}

TEST(LingeringSocket, that_a_child_has_sent_holds_up_no_other_child) {
  const Deaf deaf;
  Process process([](std::uint16_t port) { send_unasked(port); }, deaf.port());
  process.start();
  process.join();
  pool_works();
}

}  // namespace
