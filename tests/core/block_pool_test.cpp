// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/block_pool.hpp>

#include "support/sanitizers.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace coeval::detail {
namespace {

struct Block {
  unsigned char* memory;
  std::size_t size;
};

Block make(std::size_t size, unsigned char mark) {
  Block block{static_cast<unsigned char*>(allocate_block(size)), size};
  std::memset(block.memory, mark, size);
  return block;
}

bool holds(const Block& block, unsigned char mark) {
  for (std::size_t i = 0; i < block.size; ++i) {
    if (block.memory[i] != mark) {
      return false;
    }
  }
  return true;
}

TEST(BlockPool, gives_memory_of_every_size_that_nobody_else_has) {
  std::vector<Block> blocks;
  for (std::size_t size = 1; size <= 600; ++size) {
    blocks.push_back(make(size, static_cast<unsigned char>(size)));
  }
  for (const Block& block : blocks) {
    EXPECT_TRUE(holds(block, static_cast<unsigned char>(block.size))) << block.size;
    free_block(block.memory, block.size);
  }
}

TEST(BlockPool, aligns_every_block_for_every_ordinary_type) {
  for (const std::size_t size : {1U, 16U, 33U, 64U, 100U, 192U, 256U, 257U, 320U, 384U, 385U}) {
    void* const block = allocate_block(size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t), 0U) << size;
    free_block(block, size);
  }
}

TEST(BlockPool, takes_blocks_back_from_any_thread) {
  constexpr int rounds = 50;
  constexpr std::size_t many = 300;  // more than a thread keeps
  for (int round = 0; round < rounds; ++round) {
    std::vector<Block> blocks;
    for (std::size_t i = 0; i < many; ++i) {
      blocks.push_back(make(128, static_cast<unsigned char>(i)));
    }
    std::thread([&blocks] {
      for (std::size_t i = 0; i < many; ++i) {
        EXPECT_TRUE(holds(blocks[i], static_cast<unsigned char>(i)));
        free_block(blocks[i].memory, blocks[i].size);
      }
    }).join();
  }
}

TEST(BlockPool, of_many_threads_gives_each_block_to_one) {
  constexpr std::size_t threads = 8;
  constexpr int rounds = 2000;
  std::atomic<int> wrong{0};
  std::vector<std::thread> running;
  for (std::size_t t = 0; t < threads; ++t) {
    running.emplace_back([t, &wrong] {
      std::vector<Block> blocks;
      const auto mark = static_cast<unsigned char>(t + 1);
      for (int i = 0; i < rounds; ++i) {
        blocks.push_back(make(64, mark));
        if (i % 3 == 2) {
          wrong += holds(blocks.front(), mark) ? 0 : 1;
          free_block(blocks.front().memory, 64);
          blocks.erase(blocks.begin());
        }
      }
      for (const Block& block : blocks) {
        wrong += holds(block, mark) ? 0 : 1;
        free_block(block.memory, 64);
      }
    });
  }
  for (std::thread& thread : running) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
}

// An object of a thread whose destructor runs after the thread's store has ended.
struct Late {
  ~Late() {
    for (const Block& block : blocks) {
      free_block(block.memory, block.size);
    }
    const Block one = make(64, 7);
    EXPECT_TRUE(holds(one, 7));
    free_block(one.memory, 64);
  }
  std::vector<Block> blocks;
};

TEST(BlockPool, works_while_a_thread_ends) {
  for (int i = 0; i < 20; ++i) {
    std::thread([] {
      thread_local Late late;
      for (int k = 0; k < 100; ++k) {
        late.blocks.push_back(make(64, 1));
      }
    }).join();
  }
}

TEST(BlockPool, works_in_a_forked_child_while_other_threads_use_it) {
  if (support::under_thread_sanitizer) {
    GTEST_SKIP() << "ThreadSanitizer does not run children of a process with threads";
  }
  std::atomic<bool> stop{false};
  std::thread busy([&stop] {
    std::vector<void*> blocks;
    while (!stop) {
      for (int i = 0; i < 200; ++i) {
        blocks.push_back(allocate_block(64));
      }
      for (void* block : blocks) {
        free_block(block, 64);
      }
      blocks.clear();
    }
  });
  for (int round = 0; round < 200; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (int i = 0; i < 300; ++i) {
        allocate_block(64);
      }
      _exit(0);
    }
    int status = 1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  busy.join();
}

}  // namespace
}  // namespace coeval::detail
