// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// One message to another process, and its answer.

#include "peers/interprocess.hpp"
#include "processes/forked.hpp"
#include "processes/rows.hpp"

#include <coeval/multiprocessing/process.hpp>

namespace bench {
namespace {

namespace mp = coeval::multiprocessing;

template <class T>
void echo(mp::Connection end) {
  try {
    while (true) {
      end.send(end.recv<T>());
    }
  } catch (const coeval::EOFError&) {  // NOLINT(bugprone-empty-catch): the row is done
  }
}

template <class T>
double by_coeval(std::size_t count, const T& value) {
  auto [ours, theirs] = mp::Pipe();
  mp::Process process(echo<T>, std::move(theirs));
  process.start();
  const double time = median_us(count, [&, &end = ours] {
    end.send(value);
    static_cast<void>(end.template recv<T>());
  });
  ours.close();
  return time;
}

double by_system_calls(std::size_t count, std::size_t size, bool sockets) {
  const RawPipe link(sockets);
  const Forked child([&] {
    std::string bytes(size, 'x');
    while (link.read_all(1, bytes.data(), size) && link.write_all(1, bytes.data(), size)) {
    }
  });
  std::string bytes(size, 'x');
  return median_us(count, [&] {
    check(link.write_all(0, bytes.data(), size) && link.read_all(0, bytes.data(), size), "a pipe");
  });
}

// size: of a string; 0 for an int.
Row round_trip_row(const std::string& name, const Settings& settings, std::size_t size) {
  const std::size_t count = settings.count(10'000);
  const std::size_t raw_size = size == 0 ? sizeof(int) : size;
  const auto ours = [=]() -> double {
    return size == 0 ? by_coeval(count, 1) : by_coeval(count, std::string(size, 'x'));
  };
  return {
      .name = name,
      .unit = "us",
      .contestants = {
          {.name = "coeval", .measure = ours},
          {.name = "pipe", .measure = [=] { return by_system_calls(count, raw_size, false); }},
          {.name = "socketpair", .measure = [=] { return by_system_calls(count, raw_size, true); }},
          cpython("pipe_round_trip", count, size)}};
}

}  // namespace

std::vector<Row> message_rows(const Settings& settings) {
  return {round_trip_row("processes/pipe_round_trip", settings, 0),
          round_trip_row("processes/pipe_round_trip_1KB", settings, 1000)};
}

}  // namespace bench
