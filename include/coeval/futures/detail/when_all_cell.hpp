// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The cell of when_all: it hangs one continuation into each source and counts them.

#include <coeval/core/atomic.hpp>
#include <coeval/futures/detail/copyable.hpp>
#include <coeval/futures/detail/result_cell.hpp>
#include <coeval/futures/future.hpp>

#include <cstddef>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

namespace coeval::detail {

// A copy of a source's value, or the value itself if it cannot be copied.
template <class T>
Stored<T> copy_or_take(const Future<T>& source) {
  if constexpr (std::is_void_v<T>) {
    source.result();
    return {};
  } else if constexpr (is_copyable<T>) {
    return source.result();
  } else {
    return Future<T>(source).take();
  }
}

// Sources is a tuple or a vector of futures, Result what collect(sources) returns.
template <class Result, class Sources, class Collect>
class WhenAllCell final : public ResultCell<Result> {
 public:
  WhenAllCell(Sources sources, std::size_t count, Collect collect)
      : sources_(std::move(sources)),
        left_(count),
        arrivals_(count),
        collect_(std::move(collect)) {}

  // Hangs the continuations in: each keeps this cell until its source is done.
  template <class ForEach>
  void start(ForEach&& for_each_source) {
    if (arrivals_.empty()) {
      complete();
      return;
    }
    std::size_t index = 0;
    for_each_source(sources_, [&](const auto& source) {
      Arrival& arrival = arrivals_[index++];
      arrival.all = this;
      CellRef(*this).release();  // taken over by arrival.run()
      source.get_cell()->attach_or_run(arrival);
    });
  }

 private:
  struct Arrival final : Continuation {
    void run(Cell& settled) noexcept override {
      const CellRef keep = CellRef::adopt(all);
      all->arrived(settled);
    }
    WhenAllCell* all = nullptr;
  };

  void arrived(Cell& source) noexcept {
    const State state = source.state();
    if (state == State::cancelled || state == State::cancelled_and_notified) {
      fail(std::make_exception_ptr(CancelledError(source.title() + " was cancelled")));
    } else if (source.error() != nullptr) {
      fail(source.error());
    }
    // Acquire and release: the last one sees what every source's task did.
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      complete();
    }
  }

  void complete() noexcept {
    if (this->try_settle()) {
      this->capture([this] { return collect_(sources_); });
      this->finish();
    }
  }

  void fail(std::exception_ptr error) noexcept {
    if (this->try_settle()) {
      this->set_error(std::move(error));
      this->finish();
    }
  }

  // A source may be a when_all itself, and so on: see nesting.hpp.
  struct Cancellation final : Continuation {
    explicit Cancellation(WhenAllCell& cell) : all(cell) {}
    void run(Cell& /*settled*/) noexcept override { all.cancel_sources(); }
    WhenAllCell& all;
  };

  // On cancel: what has not begun need not begin.
  void drop_callable() noexcept override { run_nested(&cancellation_, *this); }

  void cancel_sources() noexcept {
    if constexpr (requires { std::tuple_size<Sources>::value; }) {
      std::apply([](const auto&... source) { (source.cancel(), ...); }, sources_);
    } else {
      for (const auto& source : sources_) {
        source.cancel();
      }
    }
  }

  Sources sources_;
  atomic<std::size_t> left_;
  std::vector<Arrival> arrivals_;
  Collect collect_;
  Cancellation cancellation_{*this};
};

template <class Result, class Sources, class Collect, class ForEach>
Future<Result> gather(Sources sources, std::size_t count, Collect collect, ForEach for_each) {
  for_each(sources, [](const auto& source) {
    if (!source.valid()) {
      throw_empty_future("when_all");
    }
  });
  auto* const cell =
      new WhenAllCell<Result, Sources, Collect>(std::move(sources), count, std::move(collect));
  auto future = Future<Result>::from_cell(cell);
  cell->start(for_each);
  return future;
}

template <class... T>
auto gather_tuple(const Future<T>&... futures) {
  using Result = std::tuple<Stored<T>...>;
  return gather<Result>(
      std::tuple<Future<T>...>(futures...), sizeof...(T),
      [](const auto& sources) {
        return std::apply([](const auto&... source) { return Result{copy_or_take(source)...}; },
                          sources);
      },
      [](const auto& sources, auto&& f) {
        std::apply([&](const auto&... source) { (f(source), ...); }, sources);
      });
}

template <class T>
auto gather_vector(std::vector<Future<T>> futures) {
  using Result = std::vector<Stored<T>>;
  const std::size_t count = futures.size();
  return gather<Result>(
      std::move(futures), count,
      [](const auto& sources) {
        Result results;
        results.reserve(sources.size());
        for (const auto& source : sources) {
          results.push_back(copy_or_take(source));
        }
        return results;
      },
      [](const auto& sources, auto&& f) {
        for (const auto& source : sources) {
          f(source);
        }
      });
}

}  // namespace coeval::detail
