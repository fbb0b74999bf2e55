// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One object of the library in shared memory: made by one process, found by the others.

#include <coeval/multiprocessing/shared_memory.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace coeval::multiprocessing::detail {

// What kind of object a memory begins with; another build of the library has another size.
enum class SharedKind : std::uint32_t {
  lock = 0xC0E1,
  rlock,
  semaphore,
  condition,
  event,
  barrier,
  queue,
};

// The first member of each such object, and never changed.
struct SharedHeader {
  SharedKind kind;
  std::uint32_t size;
};

// Whether unnamed memory begins with that header, and has room for more behind the object.
void require_shared_object(const SharedMemory& memory, SharedHeader header, std::size_t more);

// New memory that begins with a State(SharedHeader, arguments...) and has more zeroes behind it.
// Errors: std::system_error.
template <class State, class... Arguments>
SharedMemory make_shared_object(SharedKind kind, std::size_t more, Arguments&&... arguments) {
  SharedMemory memory(sizeof(State) + more);
  new (memory.data()) State(SharedHeader{.kind = kind, .size = sizeof(State)},
                            std::forward<Arguments>(arguments)...);
  return memory;
}

// Memory that came from another process. Errors: PickleError if it holds something else.
template <class State>
SharedMemory load_shared_object(pickle::InputArchive& archive, SharedKind kind,
                                std::size_t more = 0) {
  SharedMemory memory = SharedMemory::load(archive);
  require_shared_object(memory, {.kind = kind, .size = sizeof(State)}, more);
  return memory;
}

// The object in memory of one of the two functions above. Errors: RuntimeError for a handle that
// was moved from.
template <class State>
State& shared_object(const SharedMemory& memory) {
  return *std::launder(reinterpret_cast<State*>(memory.data()));
}

}  // namespace coeval::multiprocessing::detail
