// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/block_pool.hpp>

#include "core/bundle_depot.hpp"

#include <pthread.h>

#include <array>
#include <memory>
#include <new>
#include <utility>

// A sanitizer wants to see each object's memory come and go; the schedule checker runs many
// programs in one thread.
#if defined(__has_feature)
#define COEVAL_HAS_FEATURE(x) __has_feature(x)
#else
#define COEVAL_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || COEVAL_HAS_FEATURE(address_sanitizer) || \
    defined(COEVAL_ATOMIC_HEADER)
#define COEVAL_POOLED_BLOCKS false
#else
#define COEVAL_POOLED_BLOCKS true
#endif

namespace coeval::detail {
namespace {

constexpr bool pooled = COEVAL_POOLED_BLOCKS;
constexpr std::size_t most_pooled = pooled ? 384 : 0;
constexpr std::array<std::size_t, 7> class_sizes{32, 64, 128, 192, 256, 320, 384};

constexpr std::size_t class_of(std::size_t size) noexcept {
  return size <= 32 ? 0 : 1 + (size - 1) / 64;
}
static_assert(class_of(33) == 1 && class_of(64) == 1 && class_of(65) == 2 && class_of(384) == 6);

BundleDepot& depot_of(std::size_t size_class) noexcept {
  static constinit std::array<BundleDepot, class_sizes.size()> depots{
      BundleDepot(32),  BundleDepot(64),  BundleDepot(128), BundleDepot(192),
      BundleDepot(256), BundleDepot(320), BundleDepot(384)};
  return depots[size_class];
}

// What one thread keeps: of each class a bundle that it takes from and gives to, and one more, so
// that a thread which allocates and frees in turn never trades at each step. After Bonwick and
// Adams, "Magazines and Vmem" (2001), section 3.1.
class ThreadStore {
 public:
  void* allocate(std::size_t size_class) {
    Pair& pair = pairs_[size_class];
    if (pair.used->count == 0) {
      refill(pair, size_class);
    }
    Bundle& bundle = *pair.used;
    void* const block = bundle.blocks[--bundle.count];
    // The block was last written by another processor, most likely; it will be needed soon.
    if (bundle.count >= 4) {
      __builtin_prefetch(bundle.blocks[bundle.count - 4], 1);
    }
    return block;
  }

  // False if there is no memory for a further bundle.
  bool free(void* block, std::size_t size_class) noexcept {
    Pair& pair = pairs_[size_class];
    if (pair.used->count == Bundle::capacity && !make_room(pair, size_class)) {
      return false;
    }
    pair.used->blocks[pair.used->count++] = block;
    return true;
  }

  ThreadStore() {
    std::size_t made = 0;
    try {
      for (; made < pairs_.size(); ++made) {
        pairs_[made].used = new Bundle;
        pairs_[made].other = new Bundle;
      }
    } catch (...) {
      give_back();
      throw;
    }
  }
  ~ThreadStore() { give_back(); }
  ThreadStore(const ThreadStore&) = delete;
  ThreadStore& operator=(const ThreadStore&) = delete;

 private:
  struct Pair {
    Bundle* used = nullptr;
    Bundle* other = nullptr;
  };

  static void refill(Pair& pair, std::size_t size_class) {
    if (pair.other->count == 0) {
      depot_of(size_class).fill(pair.other);
    }
    std::swap(pair.used, pair.other);
  }

  static bool make_room(Pair& pair, std::size_t size_class) noexcept {
    if (pair.other->count != 0 && !depot_of(size_class).trade_for_empty(pair.other)) {
      return false;
    }
    std::swap(pair.used, pair.other);
    return true;
  }

  void give_back() noexcept {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      for (Bundle* const bundle : {pairs_[i].used, pairs_[i].other}) {
        if (bundle != nullptr) {
          depot_of(i).put(bundle);
        }
      }
    }
  }

  std::array<Pair, class_sizes.size()> pairs_;
};

// Trivial, so that reading it costs no more than the address; the owner below ends the store.
[[gnu::tls_model("initial-exec")]] constinit thread_local ThreadStore* store_of_this_thread =
    nullptr;
[[gnu::tls_model("initial-exec")]] constinit thread_local bool thread_is_ending = false;

void hold_all() noexcept {
  for (std::size_t i = 0; i < class_sizes.size(); ++i) {
    depot_of(i).hold();
  }
}

void let_go_of_all() noexcept {
  for (std::size_t i = 0; i < class_sizes.size(); ++i) {
    depot_of(i).let_go();
  }
}

struct StoreOwner {
  std::unique_ptr<ThreadStore> store = std::make_unique<ThreadStore>();
  StoreOwner() {
    static const int registered = pthread_atfork(hold_all, let_go_of_all, let_go_of_all);
    static_cast<void>(registered);  // without it a child of fork must not make tasks
    store_of_this_thread = store.get();
  }
  ~StoreOwner() {
    store_of_this_thread = nullptr;
    thread_is_ending = true;
  }
  StoreOwner(const StoreOwner&) = delete;
  StoreOwner& operator=(const StoreOwner&) = delete;
};

// Apart, so that who has a store pays for no more than a look.
[[gnu::noinline]] ThreadStore* make_own_store() {
  if (!thread_is_ending) {
    thread_local StoreOwner owner;
  }
  return store_of_this_thread;
}

// The store of this thread, or null once its destructors run.
ThreadStore* own_store() {
  ThreadStore* const store = store_of_this_thread;
  return store != nullptr ? store : make_own_store();
}

}  // namespace

void* allocate_block(std::size_t size) {
  if (size <= most_pooled) {
    const std::size_t size_class = class_of(size);
    if (ThreadStore* const store = own_store()) {
      return store->allocate(size_class);
    }
    return depot_of(size_class).allocate_one();
  }
  return ::operator new(size);
}

void free_block(void* block, std::size_t size) noexcept {
  if (size <= most_pooled) {
    const std::size_t size_class = class_of(size);
    ThreadStore* store = nullptr;
    try {
      store = own_store();
    } catch (const std::bad_alloc&) {
      // The depot takes it.
    }
    if (store == nullptr || !store->free(block, size_class)) {
      depot_of(size_class).free_one(block);
    }
    return;
  }
  ::operator delete(block);
}

}  // namespace coeval::detail
