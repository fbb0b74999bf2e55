// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Which buffers a store keeps, and which one it gives.

#include "executors/processes/exchange/buffers.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace coeval::testing {
namespace {

using detail::BufferStore;
using detail::SharedBuffer;

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * kib;

std::shared_ptr<BufferStore> store_of(std::size_t most_small, std::size_t most_large,
                                      std::size_t most_bytes = 100 * mib) {
  return std::make_shared<BufferStore>(
      BufferStore::Kept{.small = most_small, .small_bytes = most_bytes, .large = most_large});
}

// So many buffers at once, which then come back in this order: their numbers.
std::vector<std::uint32_t> use(BufferStore& store, const std::vector<std::size_t>& sizes) {
  std::vector<std::shared_ptr<SharedBuffer>> buffers;
  std::vector<std::uint32_t> numbers;
  for (const std::size_t size : sizes) {
    buffers.push_back(store.take(size));
    numbers.push_back(buffers.back()->number());
  }
  for (std::shared_ptr<SharedBuffer>& buffer : buffers) {
    buffer.reset();
  }
  return numbers;
}

TEST(BufferStore, rounds_sizes_so_that_a_buffer_serves_for_others) {
  const auto store = store_of(4, 4);
  const auto size_for = [&](std::size_t size) { return store->take(size)->bytes().size(); };
  EXPECT_EQ(size_for(1), 64 * kib);
  EXPECT_EQ(size_for(64 * kib), 64 * kib);
  EXPECT_EQ(size_for(64 * kib + 1), 128 * kib);
  EXPECT_EQ(size_for(256 * kib), 256 * kib);
  EXPECT_EQ(size_for(512 * kib + 1), mib);
  EXPECT_EQ(size_for(mib + 1), 2 * mib);
  EXPECT_EQ(size_for(5 * mib + 1), 6 * mib);
}

TEST(BufferStore, gives_the_one_that_came_back_last_of_those_that_fit) {
  const auto store = store_of(4, 4);
  const auto numbers = use(*store, {100 * kib, 40 * kib, 30 * kib});
  EXPECT_EQ(store->take(20 * kib)->number(), numbers[2]);
  EXPECT_EQ(store->take(128 * kib)->number(), numbers[0]);
  const auto first = store->take(20 * kib);
  EXPECT_EQ(first->number(), numbers[0]);  // it came back last now, and is large enough
  EXPECT_EQ(store->take(20 * kib)->number(), numbers[2]);
  const auto fresh = store->take(1025 * kib);  // no small one
  EXPECT_GT(fresh->number(), numbers[2]);
}

TEST(BufferStore, keeps_so_many_small_ones_that_were_used_last) {
  const auto store = store_of(3, 1);
  const auto numbers = use(*store, {200 * kib, 100 * kib, 50 * kib, 50 * kib, 50 * kib});
  const std::vector<bool> kept{false, false, true, true, true};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(store->has(numbers[i]), kept[i]) << i;
  }
}

TEST(BufferStore, keeps_small_ones_of_so_many_bytes_that_were_used_last) {
  const auto store = store_of(100, 1, 2 * mib);
  const auto numbers = use(*store, {kib, kib, 500 * kib, mib, 500 * kib});
  const std::vector<bool> kept{false, false, true, true, true};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(store->has(numbers[i]), kept[i]) << i;
  }
  use(*store, {mib, mib});  // one anew: it takes the place of two
  EXPECT_FALSE(store->has(numbers[2]) || store->has(numbers[4]));
  EXPECT_TRUE(store->has(numbers[3]));
}

TEST(BufferStore, keeps_so_many_large_ones_the_largest) {
  const auto store = store_of(1, 2);
  const auto numbers = use(*store, {4 * mib, 3 * mib, 2 * mib, 5 * mib});
  const std::vector<bool> kept{true, false, false, true};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(store->has(numbers[i]), kept[i]) << i;
  }
  const auto small = use(*store, {kib});  // in no other's place
  EXPECT_TRUE(store->has(numbers[0]) && store->has(numbers[3]) && store->has(small[0]));
}

TEST(BufferStore, knows_a_buffer_that_is_in_use) {
  const auto store = store_of(1, 1);
  const auto one = store->take(kib);
  const auto other = store->take(kib);
  EXPECT_TRUE(store->has(one->number()) && store->has(other->number()));
  EXPECT_NE(one->number(), other->number());
}

}  // namespace
}  // namespace coeval::testing
