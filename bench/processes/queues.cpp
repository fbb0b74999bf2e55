// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Queues: one value and its answer through two of them, and many values through one.

#include "peers/interprocess.hpp"
#include "processes/forked.hpp"
#include "processes/rows.hpp"

#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/queue.hpp>

#include <list>
#include <optional>
#include <type_traits>

namespace bench {
namespace {

namespace mp = coeval::multiprocessing;

// What a row sends: an int, or a string.
template <class T>
T value_of(std::size_t size) {
  if constexpr (std::is_same_v<T, int>) {
    return 1;
  } else {
    return T(size, 'x');
  }
}

template <class T>
void echo(mp::Queue<std::optional<T>> there, mp::Queue<T> back) {
  while (const auto value = there.get()) {  // nothing: the end
    back.put(*value);
  }
}

template <class T>
double round_trip(std::size_t count, std::size_t size) {
  const mp::Queue<std::optional<T>> there;
  const mp::Queue<T> back;
  mp::Process process(echo<T>, there, back);
  process.start();
  const std::optional<T> value(value_of<T>(size));
  const double time = median_us(count, [&] {
    there.put(value);
    static_cast<void>(back.get());
  });
  there.put(std::nullopt);
  return time;
}

template <class T>
void produce(mp::Connection starter, mp::Queue<T> queue, std::size_t count, std::size_t size) {
  const T value = value_of<T>(size);
  Member member(starter);
  member.begin();
  for (std::size_t i = 0; i < count; ++i) {
    queue.put(value);
  }
  member.end();
}

template <class T>
void consume(mp::Connection starter, mp::Queue<T> queue, std::size_t count) {
  Member member(starter);
  member.begin();
  for (std::size_t i = 0; i < count; ++i) {
    static_cast<void>(queue.get());
  }
  member.end();
}

template <class T>
double throughput(std::size_t count, std::size_t size, int sides) {
  const mp::Queue<T> queue(1000);  // places, as Boost's has
  std::vector<mp::Process> processes;
  std::vector<mp::Connection> members;
  const std::size_t each = count / static_cast<std::size_t>(sides);
  for (int i = 0; i < sides; ++i) {
    auto [writer, at_writer] = mp::Pipe();
    auto [reader, at_reader] = mp::Pipe();
    processes.emplace_back(produce<T>, std::move(at_writer), queue, each, size);
    processes.emplace_back(consume<T>, std::move(at_reader), queue, each);
    members.push_back(std::move(writer));
    members.push_back(std::move(reader));
  }
  for (mp::Process& process : processes) {
    process.start();
  }
  return together_ns(members) / static_cast<double>(count);
}

// ---- the rivals ---------------------------------------------------------------------------------

template <class RivalQueue>
double rival_round_trip(std::size_t count, std::size_t size) {
  RivalQueue there(size);
  RivalQueue back(size);
  const Forked child([&] {
    std::string bytes(size, 'x');
    while (there.get(bytes.data(), size) && back.put(bytes.data(), size)) {
    }
  });
  std::string bytes(size, 'x');
  return median_us(count, [&] {
    check(there.put(bytes.data(), size) && back.get(bytes.data(), size), "a message queue");
  });
}

template <class RivalQueue>
double rival_throughput(std::size_t count, std::size_t size, int sides) {
  RivalQueue queue(size);
  std::list<Forked> children;
  std::vector<mp::Connection> members;
  const std::size_t each = count / static_cast<std::size_t>(sides);
  const auto add = [&](auto step) {
    auto [ours, theirs] = mp::Pipe();
    children.emplace_back([&, &starter = theirs] {
      std::string bytes(size, 'x');
      Member member(starter);
      member.begin();
      for (std::size_t i = 0; i < each; ++i) {
        check(step(bytes), "a message queue");
      }
      member.end();
    });
    members.push_back(std::move(ours));
  };
  for (int i = 0; i < sides; ++i) {
    add([&](std::string& bytes) { return queue.put(bytes.data(), size); });
    add([&](std::string& bytes) { return queue.get(bytes.data(), size); });
  }
  return together_ns(members) / static_cast<double>(count);
}

// ---- the rows -----------------------------------------------------------------------------------

// What all means have in common: the size of the raw messages, 4 bytes for an int.
std::size_t raw(std::size_t size) {
  return size == 0 ? sizeof(int) : size;
}

Row round_trip_row(const std::string& name, const Settings& settings, std::size_t size) {
  const std::size_t count = settings.count(10'000);
  const auto ours = [=]() -> double {
    return size == 0 ? round_trip<int>(count, 0) : round_trip<std::string>(count, size);
  };
  Row row{.name = name, .unit = "us", .contestants = {{.name = "coeval", .measure = ours}}};
#if COEVAL_BENCH_HAS_INTERPROCESS
  row.contestants.push_back(
      {.name = "Boost", .measure = [=] { return rival_round_trip<BoostQueue>(count, raw(size)); }});
#else
  row.contestants.push_back(no_boost());
#endif
  row.contestants.push_back({.name = "POSIX mq", .measure = [=] {
                               return rival_round_trip<PosixQueue>(count, raw(size));
                             }});
  row.contestants.push_back(cpython("queue_round_trip", count, size));
  row.contestants.push_back(cpython("simple_round_trip", count, size, "CPython SimpleQueue"));
  return row;
}

Row throughput_row(const std::string& name, const Settings& settings, std::size_t size, int sides) {
  const std::size_t count = settings.count(size == 0 ? 1'000'000 : 200'000);
  const std::size_t fewer = settings.count(size == 0 ? 100'000 : 50'000);
  const auto ours = [=]() -> double {
    return size == 0 ? throughput<int>(count, 0, sides)
                     : throughput<std::string>(count, size, sides);
  };
  Row row{.name = name, .unit = "ns/value", .contestants = {{.name = "coeval", .measure = ours}}};
#if COEVAL_BENCH_HAS_INTERPROCESS
  row.contestants.push_back({.name = "Boost", .measure = [=] {
                               return rival_throughput<BoostQueue>(count, raw(size), sides);
                             }});
#else
  row.contestants.push_back(no_boost());
#endif
  row.contestants.push_back({.name = "POSIX mq", .measure = [=] {
                               return rival_throughput<PosixQueue>(fewer, raw(size), sides);
                             }});
  const std::string number = std::to_string(sides);
  row.contestants.push_back(cpython("queue_" + number, fewer, size));
  row.contestants.push_back(cpython("simple_" + number, fewer, size, "CPython SimpleQueue"));
  return row;
}

}  // namespace

std::vector<Row> queue_rows(const Settings& settings) {
  return {round_trip_row("processes/queue_round_trip", settings, 0),
          round_trip_row("processes/queue_round_trip_1KB", settings, 1000),
          throughput_row("processes/queue_1_to_1", settings, 0, 1),
          throughput_row("processes/queue_1_to_1_1KB", settings, 1000, 1),
          throughput_row("processes/queue_2_to_2", settings, 0, 2),
          throughput_row("processes/queue_2_to_2_1KB", settings, 1000, 2)};
}

}  // namespace bench
