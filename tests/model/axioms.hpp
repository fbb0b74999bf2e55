// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// RC11 as its paper states it (Lahav, Vafeiadis, Kang, Hur, Dreyer, PLDI 2017, section 3): a
// program's executions are graphs, and those that satisfy the axioms are allowed. Slow and simple,
// so that the memory model of the checker can be compared with it.

#include <atomic>
#include <set>
#include <vector>

namespace axioms {

enum class Kind { load, store, exchange };

// One operation of a straight-line program. Stores and exchanges write value, which is different
// for each of them and never 0.
struct Operation {
  Kind kind;
  int location;
  std::memory_order order;
  int value;
};

using Program = std::vector<std::vector<Operation>>;  // by thread
using Outcome = std::vector<int>;                     // what each load and exchange read, in order
using Outcomes = std::set<Outcome>;

struct Allowed {
  Outcomes by_rc11;
  // Of those, the ones of executions that are possible in some order of all operations in which
  // stores to one location take effect one after the other: the checker's own claim.
  Outcomes in_some_order;
};

Allowed allowed(const Program& program);

}  // namespace axioms
