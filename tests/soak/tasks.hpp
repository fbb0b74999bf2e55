// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The functions that a soak has run: each counts its run, and answers with what it was given.

#include "soak/content.hpp"

#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include <coeval/multiprocessing/shared_array.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace soak {

using coeval::multiprocessing::Connection;
using coeval::multiprocessing::Queue;
using coeval::multiprocessing::SharedArray;
using coeval::multiprocessing::SharedMemory;

// How a task answers: after so much work and sleep, with a body of so many bytes.
struct Manner {
  std::uint32_t work = 0;
  std::uint32_t sleep_us = 0;
  std::uint32_t size = 0;
};

void work(Manner manner);

std::uint64_t tiny(TaskId id);
// Without arguments: it cannot say which task it is, but which function. It sleeps for N µs.
template <std::uint32_t N>
std::uint64_t nothing() {
  work({.sleep_us = N});
  return mixed(N);
}

Answer read_copy(TaskId id, const Bytes& bytes, Manner manner);
Answer read_view(TaskId id, std::span<const std::uint8_t> bytes, Manner manner);
Answer read_numbers(TaskId id, Manner manner, std::span<const double> numbers);
Answer read_text(std::string_view text, TaskId id, Manner manner);
Answer read_words(TaskId id, const std::vector<std::string>& words, Manner manner);
// An element of a map: the first eight bytes are the id.
Answer read_element(const Bytes& bytes);

// Leave the body of their answer where the handle leads.
Answer use_array(TaskId id, SharedArray<std::uint8_t> array, Manner manner);
Answer use_memory(TaskId id, SharedMemory memory, Manner manner);
void use_connection(TaskId id, Connection connection, Manner manner);
void use_queue(TaskId id, Queue<std::uint64_t> queue);
SharedArray<std::uint8_t> make_array(TaskId id, Manner manner);
std::string make_text(TaskId id, Manner manner);

// Raise an error with the id in its text.
struct Refusal : std::runtime_error {
  using runtime_error::runtime_error;
};
constexpr int error_kinds = 6;
std::uint64_t raise_error(TaskId id, int kind);
std::string error_text(TaskId id);

// Elements of a map of which each 1,009th raises.
std::uint64_t element(TaskId id);
bool element_raises(TaskId id);

// End their process.
constexpr int death_kinds = 3;
std::uint64_t end_process(TaskId id, int kind);
int exitcode_of_death(TaskId id, int kind);

// End when they are asked to; the second only by SIGTERM, the third by nothing but SIGKILL.
std::uint64_t until_stopped(std::stop_token token, TaskId id);
std::uint64_t for_ever(TaskId id);
std::uint64_t for_ever_deaf(TaskId id);

}  // namespace soak
