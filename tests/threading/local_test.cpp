// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/local.hpp>

#include "helpers.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace coeval::threading;
using threading_test::Bunch;

// Counts itself, and cannot be copied or moved.
struct Counted {
  static inline std::atomic<int> alive{0};
  Counted() { ++alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --alive; }
  int value = 0;
};

TEST(Local, each_thread_has_its_own_value) {
  local<std::string> name;
  *name = "main";
  Bunch(3, [&] {
    EXPECT_EQ(*name, "");
    *name = std::to_string(get_ident());
    EXPECT_EQ(name.get(), std::to_string(get_ident()));
    EXPECT_EQ(name->size(), name.get().size());
  }).join();
  EXPECT_EQ(*name, "main");
}

TEST(Local, a_value_set_by_one_thread_is_not_seen_by_another_that_lives) {
  local<int> value;
  Event set;
  Event seen;
  Bunch one(1, [&] {
    *value = 5;
    set.set();
    seen.wait();
    EXPECT_EQ(*value, 5);
  });
  set.wait();
  Bunch(1, [&] { EXPECT_EQ(*value, 0); }).join();
  EXPECT_EQ(*value, 0);
  seen.set();
}

TEST(Local, its_function_makes_the_value_once_in_each_thread) {
  std::atomic<int> made{0};
  local<int> value([&] { return ++made; });
  EXPECT_EQ(made, 0);
  Bunch(5, [&] {
    const int mine = *value;
    EXPECT_EQ(*value, mine);
  }).join();
  EXPECT_EQ(made, 5);
}

TEST(Local, what_its_function_raises_goes_to_the_one_who_asked_and_it_is_tried_again) {
  int tries = 0;
  local<int> value([&] {
    if (++tries == 1) {
      throw std::runtime_error("not yet");
    }
    return 7;
  });
  EXPECT_THROW(*value, std::runtime_error);
  EXPECT_EQ(*value, 7);
}

TEST(Local, values_need_no_copy_and_no_move) {
  local<Counted> value;
  value->value = 3;
  EXPECT_EQ(value->value, 3);
  local<Counted> made([] { return Counted(); });
  EXPECT_EQ(made->value, 0);
}

TEST(Local, the_value_is_destroyed_with_its_thread_before_join_returns) {
  const int before = Counted::alive;
  local<Counted> value;
  for (const int count : {20, 50, 100}) {
    for (int i = 0; i < count; ++i) {
      Thread t([&] { value->value = i; });
      t.start();
      t.join();
      EXPECT_EQ(Counted::alive, before);
    }
  }
}

TEST(Local, the_value_is_destroyed_on_a_foreign_thread_too) {
  const int before = Counted::alive;
  local<Counted> value;
  std::thread([&] {
    value->value = 1;
    EXPECT_EQ(Counted::alive, before + 1);
  }).join();
  EXPECT_EQ(Counted::alive, before);
}

TEST(Local, the_values_of_all_threads_are_destroyed_with_it) {
  const int before = Counted::alive;
  std::optional<local<Counted>> value(std::in_place);
  Semaphore made(0);
  Event go_on;
  Bunch bunch(4, [&] {
    (*value)->value = 1;
    made.release();
    go_on.wait();
  });
  for (int i = 0; i < 4; ++i) {
    made.acquire();
  }
  EXPECT_EQ(Counted::alive, before + 4);
  value.reset();
  EXPECT_EQ(Counted::alive, before);
  go_on.set();
}

TEST(Local, a_new_one_in_the_place_of_an_old_one_is_empty) {
  Event destroyed;
  Event made;
  std::vector<std::unique_ptr<local<int>>> locals;
  Bunch bunch(1, [&] {
    for (int i = 0; i < 10; ++i) {
      local<int> old;
      *old = 1;
    }
    destroyed.set();
    made.wait();
    for (const auto& each : locals) {
      EXPECT_EQ(**each, 0);
    }
  });
  destroyed.wait();
  for (int i = 0; i < 10; ++i) {
    locals.push_back(std::make_unique<local<int>>());
    **locals.back() = 2;
  }
  made.set();
}

TEST(Local, threads_may_end_while_it_is_destroyed) {
  const int before = Counted::alive;
  for (int i = 0; i < 200; ++i) {
    auto value = std::make_unique<local<Counted>>();
    Semaphore made(0);
    Bunch bunch(2, [&] {
      (*value)->value = 1;
      made.release();
    });
    made.acquire();
    made.acquire();
    value.reset();
  }
  EXPECT_EQ(Counted::alive, before);
}

TEST(Local, many_are_made_and_destroyed_while_threads_come_and_go) {
  const int before = Counted::alive;
  Bunch(3, [&] {
    for (int i = 0; i < 200; ++i) {
      local<Counted> one;
      local<Counted> two;
      one->value = 1;
      Thread t([&] { two->value = 2; });
      t.start();
      t.join();
      EXPECT_EQ(one->value, 1);
      EXPECT_EQ(two->value, 0);
    }
  }).join();
  for (int i = 0; i < 1000; ++i) {
    const local<int> unused;
  }
  EXPECT_EQ(Counted::alive, before);
}

TEST(Local, destructors_of_values_may_use_other_locals_and_itself) {
  const int before = Counted::alive;
  struct Uses {
    local<Counted>* other = nullptr;
    ~Uses() {
      if (other != nullptr) {
        (*other)->value = 1;
      }
    }
  };
  local<Counted> early;
  local<Uses> value;
  local<Counted> late;
  Bunch(2, [&] {
    value->other = &early;
    late->value = 1;
  }).join();
  Bunch(2, [&] {
    value->other = &late;
    early->value = 1;
  }).join();
  EXPECT_EQ(Counted::alive, before);
}

TEST(Local, may_be_used_by_destructors_of_thread_local_objects) {
  const int before = Counted::alive;
  struct Uses {
    local<Counted>* value = nullptr;
    ~Uses() {
      if (value != nullptr) {
        (*value)->value = 1;
      }
    }
  };
  local<Counted> value;
  Thread t([&] {
    static thread_local Uses uses;
    uses.value = &value;
    value->value = 2;
  });
  t.start();
  t.join();
  EXPECT_EQ(Counted::alive, before);
}

TEST(Local, a_value_may_hold_the_last_handle_of_a_thread) {
  bool ended = false;
  local<Thread> child;
  Thread t([&] {
    *child = Thread([&] { ended = true; });
    child->start();
  });
  t.start();
  t.join();
  EXPECT_TRUE(ended);
}

TEST(Local, a_value_may_own_the_local_of_others) {
  struct Holder {
    std::unique_ptr<local<Counted>> inner = std::make_unique<local<Counted>>();
  };
  const int before = Counted::alive;
  local<Holder> outer;
  std::atomic<local<Counted>*> shared{nullptr};
  Semaphore used(0);
  Event owner_may_end;
  Event others_may_end;
  Bunch owner(1, [&] {
    shared = outer->inner.get();
    (*shared)->value = 1;
    used.release();
    owner_may_end.wait();
  });
  used.acquire();
  Bunch others(3, [&] {
    (*shared)->value = 2;
    used.release();
    others_may_end.wait();
  });
  for (int i = 0; i < 3; ++i) {
    used.acquire();
  }
  EXPECT_EQ(Counted::alive, before + 4);
  owner_may_end.set();
  owner.join();  // its value has gone, and with that the values of threads that live
  EXPECT_EQ(Counted::alive, before);
  others_may_end.set();
}

TEST(Local, to_string_names_the_type) {
  EXPECT_EQ(to_string(local<int>()), "<local of int>");
}

}  // namespace
