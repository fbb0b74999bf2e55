// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "soak/tasks.hpp"

#include "soak/runs.hpp"

#include <coeval/core/errors.hpp>

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace soak {
namespace {

std::optional<Runs> runs_here;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

// The arguments are looked at twice: somebody may write over them meanwhile.
template <class Sum>
Answer answer(TaskId id, Manner manner, Sum sum) {
  Runs::note_here(id);
  const std::uint64_t at_start = sum();
  work(manner);
  return answer_of(id, at_start, sum(), manner.size);
}

// As answer(), and the body goes where the bytes lie.
Answer answer_into(TaskId id, Manner manner, std::span<std::uint8_t> bytes) {
  Answer made = answer(id, manner, [bytes] { return checksum(bytes); });
  fill(bytes, id ^ made.at_end);
  return made;
}

std::span<std::uint8_t> as_bytes(const SharedMemory& memory) {
  return {reinterpret_cast<std::uint8_t*>(memory.data()), memory.size()};
}

}  // namespace

void work(Manner manner) {
  for (std::uint32_t i = 0; i < manner.work; ++i) {
    asm volatile("");
  }
  if (manner.sleep_us != 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(manner.sleep_us));
  }
}

void Runs::use_here(const Runs& runs) {
  runs_here.emplace(runs);
}
void Runs::note_here(TaskId id) {
  runs_here->note(id);
}

std::string fault_of(const Answer& answer, TaskId id, std::uint64_t sum, std::size_t size) {
  if (answer.id != id) {
    return "the answer is that of task " + std::to_string(slot_of(answer.id));
  }
  if (answer.at_start != sum) {
    return "it was given other arguments";
  }
  if (answer.at_end != sum) {
    return "its arguments changed while it ran";
  }
  return answer.body == bytes_of(id ^ sum, size) ? "" : "the body of its answer is another";
}

std::uint64_t tiny(TaskId id) {
  Runs::note_here(id);
  return mixed(id);
}

Answer read_copy(TaskId id, const Bytes& bytes, Manner manner) {
  return answer(id, manner, [&] { return checksum(bytes); });
}
Answer read_view(TaskId id, std::span<const std::uint8_t> bytes, Manner manner) {
  return answer(id, manner, [&] { return checksum(bytes); });
}
Answer read_numbers(TaskId id, Manner manner, std::span<const double> numbers) {
  return answer(id, manner, [&] {
    return checksum(
        std::span(reinterpret_cast<const std::uint8_t*>(numbers.data()), numbers.size_bytes()));
  });
}
Answer read_text(std::string_view text, TaskId id, Manner manner) {
  return answer(id, manner, [&] { return checksum(text); });
}
Answer read_words(TaskId id, const std::vector<std::string>& words, Manner manner) {
  return answer(id, manner, [&] {
    std::uint64_t sum = words.size();
    for (const std::string& word : words) {
      sum = mixed(sum ^ checksum(word));
    }
    return sum;
  });
}
Answer read_element(const Bytes& bytes) {
  TaskId id = 0;
  std::memcpy(&id, bytes.data(), sizeof id);
  return answer(id, {}, [&] { return checksum(bytes); });
}

Answer use_array(TaskId id, SharedArray<std::uint8_t> array, Manner manner) {
  return answer_into(id, manner, array.span());
}
Answer use_memory(TaskId id, SharedMemory memory, Manner manner) {
  return answer_into(id, manner, as_bytes(memory));
}
void use_connection(TaskId id, Connection connection, Manner manner) {
  Runs::note_here(id);
  work(manner);
  connection.send(answer_of(id, mixed(id), mixed(id), manner.size));
}
void use_queue(TaskId id, Queue<std::uint64_t> queue) {
  Runs::note_here(id);
  queue.put(id);
}
SharedArray<std::uint8_t> make_array(TaskId id, Manner manner) {
  Runs::note_here(id);
  work(manner);
  SharedArray<std::uint8_t> array(manner.size);
  fill(array.span(), id);
  return array;
}
std::string make_text(TaskId id, Manner manner) {
  Runs::note_here(id);
  work(manner);
  return text_of(id, manner.size);
}

std::string error_text(TaskId id) {
  return "the error of task " + std::to_string(id);
}

std::uint64_t raise_error(TaskId id, int kind) {
  Runs::note_here(id);
  switch (kind) {
    case 0:
      throw std::runtime_error(error_text(id));
    case 1:
      throw std::out_of_range(error_text(id) + std::string(id % 10'000, '.'));
    case 2:
      throw std::system_error(ENOENT, std::generic_category(), error_text(id));
    case 3:
      throw coeval::ValueError(error_text(id));
    case 4:
      throw coeval::RuntimeError(error_text(id));
    default:
      throw Refusal(error_text(id));
  }
}

bool element_raises(TaskId id) {
  return mixed(id) % 1009 == 0;
}
std::uint64_t element(TaskId id) {
  Runs::note_here(id);
  if (element_raises(id)) {
    throw std::runtime_error(error_text(id));
  }
  return mixed(id);
}

int exitcode_of_death(TaskId id, int kind) {
  return kind == 0 ? -SIGKILL : kind == 1 ? static_cast<int>(id % 100) + 1 : -SIGABRT;
}
std::uint64_t end_process(TaskId id, int kind) {
  Runs::note_here(id);
  switch (kind) {
    case 0:
      ::raise(SIGKILL);
      break;
    case 1:
      ::_exit(exitcode_of_death(id, kind));
    default:
      ::signal(SIGABRT, SIG_DFL);  // no stack is wanted
      ::raise(SIGABRT);
  }
  return 0;
}

std::uint64_t until_stopped(std::stop_token token, TaskId id) {
  Runs::note_here(id);
  std::mutex mutex;
  std::condition_variable_any asked;
  std::unique_lock lock(mutex);
  asked.wait(lock, std::move(token), [] { return false; });
  return mixed(id);
}
std::uint64_t for_ever(TaskId id) {
  Runs::note_here(id);
  while (true) {
    asm volatile("");
  }
}
std::uint64_t for_ever_deaf(TaskId id) {
  ::signal(SIGTERM, SIG_IGN);
  return for_ever(id);
}

}  // namespace soak
