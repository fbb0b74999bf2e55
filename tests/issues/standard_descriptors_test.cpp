// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A program may have closed its standard descriptors. Their numbers go to the next files that it
// opens, and what it prints goes into these: so none of the library's may have one.

#include "support/descriptor_message.hpp"
#include "support/sanitizers.hpp"

#include <coeval/core/file_descriptor.hpp>
#include <coeval/core/system.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/multiprocessing/multiprocessing.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace coeval {
namespace {

using multiprocessing::Connection;
using multiprocessing::Pipe;
using multiprocessing::Process;

constexpr int first_of_ours = 3;

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

// Those of 0 to 2 that are open, as "0 2".
std::string open_standard() {
  std::string text;
  for (int fd = 0; fd < first_of_ours; ++fd) {
    text += is_open(fd) ? std::to_string(fd) + " " : "";
  }
  return text;
}

// The calls of the table that make descriptors, and what they have made.
using Made = std::vector<int>;
struct MakingCall {
  const char* name;
  Made (*make)();
};

sockaddr_un unnamed() {
  return {.sun_family = AF_UNIX, .sun_path = {}};
}

Made accept_one() {
  sockaddr_un address = unnamed();
  socklen_t size = sizeof address.sun_family;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const int listener = kernel().descriptor.socket(AF_UNIX, SOCK_STREAM, 0);
  const int client = kernel().descriptor.socket(AF_UNIX, SOCK_STREAM, 0);
  kernel().descriptor.bind(listener, any, size);  // the kernel gives it a name
  kernel().descriptor.listen(listener, 1);
  size = sizeof address;
  kernel().descriptor.socket_name(listener, any, &size);
  kernel().descriptor.connect(client, any, size);
  return {listener, client, kernel().descriptor.accept(listener, nullptr, nullptr)};
}

// Sends the descriptors from one end of a pair to the other: those that arrive, and whether all did.
std::pair<Made, bool> send_and_receive(const std::vector<int>& descriptors) {
  std::array<int, 2> pair{};
  kernel().descriptor.socket_pair(SOCK_SEQPACKET, pair.data());
  char byte = 1;
  iovec part{.iov_base = &byte, .iov_len = 1};
  const support::DescriptorMessage sent({&part, 1}, descriptors);
  kernel().descriptor.send(pair[0], sent.get(), 0);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(8 * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  kernel().descriptor.receive(pair[1], &message, 0);
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  Made made((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  std::memcpy(made.data(), CMSG_DATA(rights), sizeof(int) * made.size());
  return {made, (message.msg_flags & MSG_CTRUNC) == 0};
}

Made receive_three() {
  const int null = kernel().descriptor.open("/dev/null", O_RDWR, 0);
  auto [made, whole] = send_and_receive({null, null, null});
  made.push_back(whole && made.size() == 3 ? null : -1);
  return made;
}

Made shared_open() {
  const std::string name = "/coeval-test-" + std::to_string(::getpid());
  const int fd = kernel().descriptor.shared_open(name.c_str(), O_RDWR | O_CREAT, 0600);
  kernel().descriptor.shared_unlink(name.c_str());
  return {fd};
}

Made socket_pair() {
  Made pair(2);
  kernel().descriptor.socket_pair(SOCK_SEQPACKET, pair.data());
  return pair;
}

const std::array making_calls{
    MakingCall{"open", [] { return Made{kernel().descriptor.open("/dev/null", O_RDWR, 0)}; }},
    MakingCall{"duplicate",
               [] {
                 const int null = kernel().descriptor.open("/dev/null", O_RDWR, 0);
                 return Made{null, kernel().descriptor.duplicate(null)};
               }},
    MakingCall{"memory_file", [] { return Made{kernel().descriptor.memory_file("test")}; }},
    MakingCall{"shared_open", shared_open},
    MakingCall{"socket", [] { return Made{kernel().descriptor.socket(AF_UNIX, SOCK_STREAM, 0)}; }},
    MakingCall{"socket_pair", socket_pair},
    MakingCall{"accept", accept_one},
    MakingCall{"receive", receive_three},
    MakingCall{"open of a process", [] { return Made{kernel().process.open(::getpid())}; }}};

// Runs it in a fork that has closed some standard descriptors: whether it says yes. It calls nothing
// that takes a lock.
bool holds_in_fork_without(unsigned closed, const std::function<bool()>& check) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int null =
        ::open("/dev/null", O_RDWR | O_CLOEXEC);  // whoever runs the test may lack some
    const int above = ::fcntl(null, F_DUPFD_CLOEXEC, first_of_ours);
    for (int fd = 0; fd < first_of_ours; ++fd) {
      if ((closed & (1U << fd)) != 0) {
        ::close(fd);
      } else if (!is_open(fd)) {
        ::dup2(above, fd);
      }
    }
    ::close(above);
    if (null >= first_of_ours) {
      ::close(null);
    }
    ::_exit(check() ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Whether the call makes what is its own, and leaves the standard descriptors as they are.
bool makes_none_of(unsigned closed, const MakingCall& call) {
  const Made made = call.make();
  unsigned open = 0;
  for (int fd = 0; fd < first_of_ours; ++fd) {
    open |= is_open(fd) ? 1U << fd : 0U;
  }
  return (open | closed) == 7 && (open & closed) == 0 && std::ranges::all_of(made, [](int fd) {
           return fd >= first_of_ours && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
         });
}

TEST(StandardDescriptors, no_call_of_the_table_makes_one) {
  for (const MakingCall& call : making_calls) {
    for (unsigned closed = 0; closed < 8; ++closed) {
      EXPECT_TRUE(holds_in_fork_without(closed, [&] { return makes_none_of(closed, call); }))
          << call.name << " with " << closed;
    }
  }
}

TEST(StandardDescriptors, what_has_no_room_above_them_is_an_error_and_not_left_there) {
  const auto with_full_table = [](const std::function<bool()>& check) {
    return holds_in_fork_without(7, [&check] {
      std::array<int, 2> pair{};
      const int null = kernel().descriptor.open("/dev/null", O_RDWR, 0);
      kernel().descriptor.socket_pair(SOCK_SEQPACKET, pair.data());
      const rlimit limit{.rlim_cur = 1 + static_cast<rlim_t>(std::max(pair[0], pair[1])),
                         .rlim_max = 1 + static_cast<rlim_t>(std::max(pair[0], pair[1]))};
      ::setrlimit(RLIMIT_NOFILE, &limit);
      while (kernel().descriptor.duplicate(null) >= 0) {
      }
      return check() && open_standard().empty();
    });
  };
  EXPECT_TRUE(with_full_table([] { return kernel().descriptor.memory_file("test") == -EMFILE; }));
  EXPECT_TRUE(with_full_table([] {
    std::array<int, 2> pair{};
    return kernel().descriptor.socket_pair(SOCK_SEQPACKET, pair.data()) == EMFILE;
  }));
  EXPECT_TRUE(with_full_table([] { return kernel().process.open(::getpid()) == -EMFILE; }));
}

TEST(StandardDescriptors, a_received_one_that_has_no_room_above_them_is_cut_off_its_message) {
  if (support::under_sanitizer) {
    GTEST_SKIP() << "a sanitizer needs descriptors, to look at memory and threads";
  }
  EXPECT_TRUE(holds_in_fork_without(7, [] {
    const int null = kernel().descriptor.open("/dev/null", O_RDWR, 0);
    const rlimit limit{.rlim_cur = 1000, .rlim_max = 1000};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    std::vector<int> all;
    for (int one = null; one >= 0; one = kernel().descriptor.duplicate(null)) {
      all.push_back(one);
    }
    // Room for the pair of sockets, and for one of the three that come.
    for (int i = 0; i < 3; ++i) {
      ::close(all.back());
      all.pop_back();
    }
    const auto [made, whole] = send_and_receive({null, null, null});
    return made.size() == 1 && made[0] >= first_of_ours && !whole && open_standard().empty();
  }));
}

// Closes 0 to 2, makes one of each public object that has a descriptor, in this process and in others,
// and tells the numbers that are wrong.
void make_all_objects(Connection report) {
  for (int fd = 0; fd < first_of_ours; ++fd) {
    ::close(fd);
  }
  const FileDescriptor mine(report.fileno());
  const FileDescriptor copy = mine.duplicate();
  static_cast<void>(const_cast<FileDescriptor&>(mine).release());
  auto [here, there] = Pipe();
  multiprocessing::Queue<int> queue;
  multiprocessing::Lock lock;
  multiprocessing::RLock rlock;
  multiprocessing::Condition condition;
  multiprocessing::Semaphore semaphore(1);
  multiprocessing::Event event;
  multiprocessing::Barrier barrier(1);
  multiprocessing::SharedMemory memory(4096);
  multiprocessing::SharedArray<int> array(10);
  multiprocessing::Value<int> value(1);
  multiprocessing::Listener listener;
  Connection client = multiprocessing::Client(listener.address());
  Connection accepted = listener.accept();
  Process process([](Connection back) { back.send(open_standard()); }, std::move(there));
  process.start();
  std::string wrong = "child: " + here.recv<std::string>();
  process.join();
  ProcessPoolExecutor pool({.max_workers = 2});
  const auto of_worker = [](int) { return open_standard(); };
  wrong += "worker: " + pool.submit(of_worker, 1).result();
  client.send(std::string(200'000, 'x'));  // a large one travels in a memory file
  wrong += accepted.recv<std::string>().size() == 200'000 ? "" : "the text";
  const FileDescriptor null(kernel().descriptor.open("/dev/null", O_RDWR, 0));
  client.send(null);
  const auto received = accepted.recv<FileDescriptor>();
  wrong += received.get() >= first_of_ours ? "" : "received";
  report.send(wrong + "here: " + open_standard());
}

TEST(StandardDescriptors, no_object_of_the_library_has_one_and_children_have_them_all) {
  auto [here, there] = Pipe();
  Process process(make_all_objects, std::move(there));
  process.start();
  EXPECT_EQ(here.recv<std::string>(), "child: 0 1 2 worker: 0 1 2 here: ");
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

// Whether the standard descriptors were open before main(): what a static initialiser saw.
const std::string open_at_first = open_standard();

TEST(StandardDescriptors, a_child_of_a_program_that_closed_them_has_them_from_its_first_moment) {
  auto [here, there] = Pipe();
  const auto close_and_start = [](Connection report) {
    ::close(0);
    ::close(2);
    ::fcntl(1, F_SETFD, FD_CLOEXEC);  // open here, and not meant for others
    Process process(
        [](Connection back) {
          struct stat null{};
          struct stat standard{};
          ::stat("/dev/null", &null);
          std::string all = open_at_first;
          for (int fd = 0; fd < first_of_ours; ++fd) {
            ::fstat(fd, &standard);
            all += standard.st_rdev == null.st_rdev ? "null " : "other ";
          }
          back.send(all);
        },
        std::move(report));
    process.start();
    process.join();
  };
  Process process(close_and_start, std::move(there));
  process.start();
  EXPECT_EQ(here.recv<std::string>(), "0 1 2 null null null ");
  process.join();
}

// What a program prints to a closed standard output is an error of that, and nothing else.
TEST(StandardDescriptors, a_pool_works_in_a_program_that_prints_to_a_closed_standard_output) {
  auto [here, there] = Pipe();
  const auto print_much = [](Connection report) {
    for (int fd = 0; fd < first_of_ours; ++fd) {
      ::close(fd);
    }
    ProcessPoolExecutor pool({.max_workers = 1});
    const auto same = [](int i) { return i; };
    int sum = pool.submit(same, 1).result();
    int failed = 0;
    const std::string line(1000, 'x');
    for (int i = 0; i < 1000; ++i) {
      failed += ::write(STDOUT_FILENO, line.data(), line.size()) < 0 && errno == EBADF ? 1 : 0;
    }
    sum += pool.submit(same, 2).result();
    report.send(std::pair(sum, failed));
  };
  Process process(print_much, std::move(there));
  process.start();
  EXPECT_EQ((here.recv<std::pair<int, int>>()), std::pair(3, 1000));
  process.join();
}

}  // namespace
}  // namespace coeval
