// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/axioms.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>

namespace axioms {
namespace {

// A relation between at most 16 events: a row of bits for each.
class Relation {
 public:
  explicit Relation(std::size_t size) : rows_(size) {}

  bool has(std::size_t a, std::size_t b) const { return (rows_[a] >> b & 1U) != 0; }
  void add(std::size_t a, std::size_t b) { rows_[a] |= 1U << b; }

  Relation operator|(const Relation& other) const {
    Relation both = *this;
    for (std::size_t a = 0; a < rows_.size(); ++a) {
      both.rows_[a] |= other.rows_[a];
    }
    return both;
  }
  // First this, then the other.
  Relation then(const Relation& other) const {
    Relation result(rows_.size());
    for (std::size_t a = 0; a < rows_.size(); ++a) {
      for (std::size_t b = 0; b < rows_.size(); ++b) {
        result.rows_[a] |= has(a, b) ? other.rows_[b] : 0;
      }
    }
    return result;
  }
  // One or more times.
  Relation closure() const {
    Relation result = *this;
    for (std::size_t k = 0; k < rows_.size(); ++k) {
      for (std::size_t a = 0; a < rows_.size(); ++a) {
        result.rows_[a] |= result.has(a, k) ? result.rows_[k] : 0;
      }
    }
    return result;
  }
  template <class Keep>
  Relation where(Keep keep) const {
    Relation result(rows_.size());
    for (std::size_t a = 0; a < rows_.size(); ++a) {
      for (std::size_t b = 0; b < rows_.size(); ++b) {
        if (has(a, b) && keep(a, b)) {
          result.add(a, b);
        }
      }
    }
    return result;
  }
  bool is_irreflexive() const {
    for (std::size_t a = 0; a < rows_.size(); ++a) {
      if (has(a, a)) {
        return false;
      }
    }
    return true;
  }
  bool is_acyclic() const { return closure().is_irreflexive(); }

 private:
  std::vector<std::uint32_t> rows_;
};

struct Event {
  int thread;  // -1: the initial store of 0
  Operation operation;

  bool reads() const { return operation.kind != Kind::store; }
  bool writes() const { return operation.kind != Kind::load; }
  bool seq_cst() const { return operation.order == std::memory_order_seq_cst && thread >= 0; }
  bool acquires() const {
    return reads() && operation.order != std::memory_order_relaxed &&
           operation.order != std::memory_order_release;
  }
  bool releases() const {
    return writes() && operation.order != std::memory_order_relaxed &&
           operation.order != std::memory_order_acquire;
  }
};

// Enumerates the graphs of a program: who reads from whom, and each location's order of stores.
class Graphs {
 public:
  explicit Graphs(const Program& program) : po_(0) {
    for (const auto& operations : program) {
      for (const Operation& operation : operations) {
        if (!stores_.contains(operation.location)) {
          stores_[operation.location] = {events_.size()};
          events_.push_back({-1, {Kind::store, operation.location, std::memory_order_relaxed, 0}});
        }
      }
    }
    for (std::size_t thread = 0; thread < program.size(); ++thread) {
      for (const Operation& operation : program[thread]) {
        if (operation.kind != Kind::load) {
          stores_[operation.location].push_back(events_.size());
        }
        events_.push_back({static_cast<int>(thread), operation});
      }
    }
    po_ = Relation(events_.size());
    for (std::size_t a = 0; a < events_.size(); ++a) {
      for (std::size_t b = 0; b < events_.size(); ++b) {
        const bool initial = events_[a].thread < 0 && events_[b].thread >= 0;
        if (initial ||
            (a < b && events_[a].thread >= 0 && events_[a].thread == events_[b].thread)) {
          po_.add(a, b);
        }
      }
    }
    source_.resize(events_.size());
  }

  Allowed run() {
    choose_sources(0);
    return allowed_;
  }

 private:
  void choose_sources(std::size_t event) {
    if (event == events_.size()) {
      choose_orders(stores_.begin());
    } else if (!events_[event].reads()) {
      choose_sources(event + 1);
    } else {
      for (const std::size_t store : stores_[events_[event].operation.location]) {
        if (store != event) {
          source_[event] = store;
          choose_sources(event + 1);
        }
      }
    }
  }

  void choose_orders(std::map<int, std::vector<std::size_t>>::iterator location) {
    if (location == stores_.end()) {
      judge();
      return;
    }
    std::vector<std::size_t>& stores = location->second;  // the initial one stays first
    std::sort(stores.begin() + 1, stores.end());
    do {
      choose_orders(std::next(location));
    } while (std::next_permutation(stores.begin() + 1, stores.end()));
  }

  void judge() {
    const std::size_t count = events_.size();
    Relation rf(count);
    Relation mo(count);
    Relation rb(count);
    for (const auto& [location, stores] : stores_) {
      for (std::size_t i = 0; i < stores.size(); ++i) {
        for (std::size_t k = i + 1; k < stores.size(); ++k) {
          mo.add(stores[i], stores[k]);
        }
      }
    }
    for (std::size_t read = 0; read < count; ++read) {
      for (std::size_t later = 0; events_[read].reads() && later < count; ++later) {
        if (mo.has(source_[read], later) && later != read) {
          rb.add(read, later);
        }
      }
      if (events_[read].reads()) {
        rf.add(source_[read], read);
      }
    }
    const Relation hb = (po_ | synchronizes()).closure();
    if (is_coherent(rf, mo, rb, hb) && is_atomic(mo) && (po_ | rf).is_acyclic() &&
        psc(hb, mo, rb).is_acyclic()) {
      Outcome outcome;
      for (std::size_t read = 0; read < count; ++read) {
        if (events_[read].reads()) {
          outcome.push_back(events_[source_[read]].operation.value);
        }
      }
      allowed_.by_rc11.insert(outcome);
      const auto both_seq_cst = rb.where([this](std::size_t a, std::size_t b) {
        return events_[a].seq_cst() && events_[b].seq_cst();
      });
      if ((po_ | rf | mo | both_seq_cst).is_acyclic()) {
        allowed_.in_some_order.insert(outcome);
      }
    }
  }

  // A release store, then exchanges that each read the one before, then an acquire.
  Relation synchronizes() const {
    Relation sw(events_.size());
    for (std::size_t read = 0; read < events_.size(); ++read) {
      if (!events_[read].acquires()) {
        continue;
      }
      std::size_t store = source_[read];
      for (std::size_t i = 0; i < events_.size(); ++i) {  // a cycle of rf is refused elsewhere
        if (events_[store].releases()) {
          sw.add(store, read);
        }
        if (!events_[store].reads()) {
          break;
        }
        store = source_[store];
      }
    }
    return sw;
  }

  static bool is_coherent(const Relation& rf, const Relation& mo, const Relation& rb,
                          const Relation& hb) {
    const Relation eco = (rf | mo | rb).closure();
    return hb.is_irreflexive() && eco.is_irreflexive() && hb.then(eco).is_irreflexive();
  }

  bool is_atomic(const Relation& mo) const {
    for (std::size_t event = 0; event < events_.size(); ++event) {
      if (!events_[event].reads() || !events_[event].writes()) {
        continue;
      }
      for (std::size_t between = 0; between < events_.size(); ++between) {
        if (mo.has(source_[event], between) && mo.has(between, event)) {
          return false;
        }
      }
    }
    return true;
  }

  Relation psc(const Relation& hb, const Relation& mo, const Relation& rb) const {
    const auto same = [this](std::size_t a, std::size_t b) {
      return events_[a].operation.location == events_[b].operation.location;
    };
    const Relation elsewhere =
        po_.where([&same](std::size_t a, std::size_t b) { return !same(a, b); });
    const Relation scb = po_ | elsewhere.then(hb).then(elsewhere) | hb.where(same) | mo | rb;
    return scb.where([this](std::size_t a, std::size_t b) {
      return events_[a].seq_cst() && events_[b].seq_cst();
    });
  }

  std::vector<Event> events_;
  std::map<int, std::vector<std::size_t>> stores_;  // by location, in mo
  std::vector<std::size_t> source_;                 // of a read: the store that it reads
  Relation po_;
  Allowed allowed_;
};

}  // namespace

Allowed allowed(const Program& program) {
  return Graphs(program).run();
}

}  // namespace axioms
