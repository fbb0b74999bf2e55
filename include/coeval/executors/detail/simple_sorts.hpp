// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// SimpleSorts: what a quicksort needs beside it.

#include <cstddef>
#include <functional>
#include <iterator>
#include <utility>

namespace coeval::detail {

// When the comparison raises, the range has all of its elements, in some order: the standard's
// algorithms may lose the one that they hold.
template <class Iterator, class Compare, class Projection>
class SimpleSorts {
 public:
  using Distance = std::iter_difference_t<Iterator>;
  using Value = std::iter_value_t<Iterator>;

  // A value taken out of the range, which goes back into the gap whatever happens.
  struct Held {
    explicit Held(Iterator from) : value(std::ranges::iter_move(from)), gap(from) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { *gap = std::move(value); }

    Value value;
    Iterator gap;
  };

  // Both are kept by reference.
  SimpleSorts(const Compare& compare, const Projection& projection) noexcept
      : compare_(compare), projection_(projection) {}

  template <class A, class B>
  bool less(A&& a, B&& b) const {
    return static_cast<bool>(std::invoke(compare_, std::invoke(projection_, std::forward<A>(a)),
                                         std::invoke(projection_, std::forward<B>(b))));
  }

  // Sorts it if it is in order already, or in the opposite one; else leaves it as it is.
  bool sort_if_trivial(Iterator first, Iterator last) const {
    Iterator sorted = first;
    while (last - sorted > 1 && !less(sorted[1], sorted[0])) {
      ++sorted;
    }
    if (last - sorted <= 1) {
      return true;
    }
    if (sorted != first) {
      return false;
    }
    while (last - sorted > 1 && less(sorted[1], sorted[0])) {
      ++sorted;
    }
    if (last - sorted > 1) {
      return false;
    }
    while (first < --last) {
      std::ranges::iter_swap(first++, last);
    }
    return true;
  }

  // For few elements, or nearly sorted ones.
  void insertion_sort(Iterator first, Iterator last) const {
    if (first == last) {
      return;
    }
    for (Iterator next = first + 1; next < last; ++next) {
      if (!less(*next, next[-1])) {
        continue;
      }
      Held held(next);
      do {
        *held.gap = std::ranges::iter_move(held.gap - 1);
        --held.gap;
      } while (held.gap != first && less(held.value, held.gap[-1]));
    }
  }

  // O(n log n) always.
  void heap_sort(Iterator first, Iterator last) const {
    const Distance size = last - first;
    for (Distance root = size / 2; root-- > 0;) {
      sift_down(first, root, size);
    }
    for (Distance end = size; --end > 0;) {
      std::ranges::iter_swap(first, first + end);
      sift_down(first, 0, end);
    }
  }

 private:
  void sift_down(Iterator first, Distance root, Distance end) const {
    for (Distance child = 2 * root + 1; child < end; child = 2 * root + 1) {
      if (child + 1 < end && less(first[child], first[child + 1])) {
        ++child;
      }
      if (!less(first[root], first[child])) {
        return;
      }
      std::ranges::iter_swap(first + root, first + child);
      root = child;
    }
  }

  const Compare& compare_;
  const Projection& projection_;
};

}  // namespace coeval::detail
