// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Memory for the small objects that one thread makes and another ends, such as the cells of tasks.

#include <coeval/core/export.hpp>

#include <cstddef>
#include <new>

namespace coeval::detail {

// Blocks of up to 384 bytes come from the calling thread's own store, which trades with the other
// threads' in bundles; larger ones from operator new. Blocks are aligned to 16 bytes, those above
// 32 bytes to a cache line. What was freed is kept for the next allocation and never given back to
// the system, so a process keeps the memory of its largest number of blocks.
// Thread-safe, also while a thread ends. Raises std::bad_alloc; never blocks for long.
COEVAL_EXPORT void* allocate_block(std::size_t size);

// size is the one that the block was allocated with; any thread may free it.
COEVAL_EXPORT void free_block(void* block, std::size_t size) noexcept;

// A base whose derived classes lie in blocks when they are made with new.
struct InBlocks {
  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* object, std::size_t size) noexcept { free_block(object, size); }
  static void* operator new(std::size_t size, std::align_val_t alignment) {
    return ::operator new(size, alignment);
  }
  static void operator delete(void* object, std::size_t size, std::align_val_t alignment) noexcept {
    ::operator delete(object, size, alignment);
  }

 protected:
  ~InBlocks() = default;
};

}  // namespace coeval::detail
