// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// 100 MB to another process, which reads a byte of each page and answers; the same with the bytes
// back; and a handle of memory that both share.

#include "peers/interprocess.hpp"
#include "processes/forked.hpp"
#include "processes/rows.hpp"

#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <memory>
#include <span>

namespace bench {
namespace {

namespace mp = coeval::multiprocessing;

constexpr std::size_t large = 100'000'000;
constexpr std::size_t page = 4096;

// The sum of a byte of each page.
long touch(std::span<const char> bytes) {
  long sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += page) {
    sum += bytes[i];
  }
  return sum;
}
long touch(const std::vector<double>& numbers) {
  return touch({reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double)});
}

void answer_copies(mp::Connection end, bool both) {
  try {
    while (true) {
      const auto numbers = end.recv<std::vector<double>>();
      end.send(touch(numbers));
      if (both) {
        end.send(numbers);
      }
    }
  } catch (const coeval::EOFError&) {  // NOLINT(bugprone-empty-catch): the row is done
  }
}

double by_copy(std::size_t count, bool both) {
  auto [ours, theirs] = mp::Pipe();
  mp::Process process(answer_copies, std::move(theirs), both);
  process.start();
  const std::vector<double> numbers(large / sizeof(double), 1.0);
  const double time = median_us(count, [&, &end = ours] {
    end.send(numbers);
    end.recv<long>();
    if (both) {
      touch(end.recv<std::vector<double>>());
    }
  });
  ours.close();
  return time / 1e3;
}

void answer_handles(mp::Connection end) {
  try {
    while (true) {
      const auto memory = end.recv<mp::SharedMemory>();
      const std::span<std::byte> bytes = memory.bytes();
      end.send(std::to_integer<int>(bytes.front()) + std::to_integer<int>(bytes.back()));
    }
  } catch (const coeval::EOFError&) {  // NOLINT(bugprone-empty-catch): the row is done
  }
}

double by_handle(std::size_t count) {
  auto [ours, theirs] = mp::Pipe();
  mp::Process process(answer_handles, std::move(theirs));
  process.start();
  const mp::SharedMemory memory(large);
  const double time = median_us(count, [&, &end = ours] {
    end.send(memory);
    end.recv<int>();
  });
  ours.close();
  return time;
}

// Reads into new memory, as recv() does.
bool receive(const RawPipe& link, std::size_t end, std::unique_ptr<char[]>& bytes) {
  bytes.reset(new char[large]);
  return link.read_all(end, bytes.get(), large);
}

double by_system_calls(std::size_t count, bool both, bool sockets) {
  const RawPipe link(sockets);
  const Forked child([&] {
    std::unique_ptr<char[]> bytes;
    while (receive(link, 1, bytes)) {
      const long sum = touch({bytes.get(), large});
      link.write_all(1, &sum, sizeof sum);
      if (both) {
        link.write_all(1, bytes.get(), large);
      }
      bytes.reset();
    }
  });
  const std::vector<char> bytes(large, 'x');
  const double time = median_us(count, [&] {
    long sum = 0;
    check(link.write_all(0, bytes.data(), large) && link.read_all(0, &sum, sizeof sum), "a pipe");
    if (both) {
      std::unique_ptr<char[]> back;
      check(receive(link, 0, back), "a pipe");
      touch({back.get(), large});
    }
  });
  return time / 1e3;
}

Contestant cpython_ms(const std::string& workload, std::size_t count, const std::string& name) {
  return {.name = name, .measure = [=] { return cpython_processes(workload, count, large) / 1e3; }};
}

Row copy_row(const std::string& name, const Settings& settings, bool both) {
  const std::size_t count = settings.quick ? 1 : 5;
  const std::string suffix = both ? "both" : "in";
  return {.name = name,
          .unit = "ms",
          .contestants = {
              {.name = "coeval", .measure = [=] { return by_copy(count, both); }},
              {.name = "pipe", .measure = [=] { return by_system_calls(count, both, false); }},
              {.name = "socketpair", .measure = [=] { return by_system_calls(count, both, true); }},
              cpython_ms("send_" + suffix, count, "CPython"),
              cpython_ms("shared_" + suffix, count, "CPython SharedMemory")}};
}

}  // namespace

std::vector<Row> large_rows(const Settings& settings) {
  const std::size_t count = settings.count(1000);
  return {copy_row("processes/send_100MB", settings, false),
          copy_row("processes/send_100MB_and_back", settings, true),
          {.name = "processes/send_100MB_handle",
           .unit = "us",
           .contestants = {{.name = "coeval", .measure = [=] { return by_handle(count); }},
                           cpython("shared_handle", count, large, "CPython SharedMemory")}}};
}

}  // namespace bench
