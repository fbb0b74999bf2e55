// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Introsort: sorts on one thread, or makes one cut for several to go on from.

#include <coeval/executors/detail/simple_sorts.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <type_traits>
#include <utility>

namespace coeval::detail {

// Quicksort after Musser, "Introspective Sorting and Selection Algorithms" (1997): heapsort takes
// over what is cut badly too often, so it is O(n log n) always. Equal elements are set aside as in
// Peters, "Pattern-defeating Quicksort" (2021).
template <class Iterator, class Compare, class Projection>
class Introsort : public SimpleSorts<Iterator, Compare, Projection> {
  using Base = SimpleSorts<Iterator, Compare, Projection>;
  using Distance = typename Base::Distance;
  using Value = typename Base::Value;
  using Held = typename Base::Held;
  using Base::less;

 public:
  using Base::Base;

  // Two sides of which nothing on the left comes after anything on the right. What lies between
  // them is where it belongs.
  struct Cut {
    Iterator left_end;
    Iterator right_begin;
  };

  // A range within the one that is to be sorted.
  struct Part {
    Iterator first;
    Iterator last;
    int cuts;       // that may be made before heapsort takes over
    bool is_first;  // else the element before it is known not to come after any in it

    Distance size() const { return last - first; }
    Part left_of(const Cut& cut) const { return {first, cut.left_end, cuts - 1, is_first}; }
    Part right_of(const Cut& cut) const { return {cut.right_begin, last, cuts - 1, false}; }
  };

  static Part whole(Iterator first, Iterator last) {
    const auto size = static_cast<std::size_t>(last - first);
    return {first, last, 2 * static_cast<int>(std::bit_width(size)), true};
  }

  void sort(Part part) const {
    while (part.size() > small) {
      if (part.cuts == 0) {
        this->heap_sort(part.first, part.last);
        return;
      }
      const Cut cut = this->cut(part);
      sort(part.left_of(cut));
      part = part.right_of(cut);
    }
    this->insertion_sort(part.first, part.last);
  }

  // Of at least two elements; not to be called when no cuts are left.
  Cut cut(const Part& part) const {
    move_pivot_to(part.first, part.size());
    if (!part.is_first && !less(part.first[-1], *part.first)) {
      // The pivot is equal to what lies before the range, so nothing here comes before it.
      return {part.first, partition<true>(part.first, part.last) + 1};
    }
    const Iterator pivot = partition<false>(part.first, part.last);
    return {pivot, pivot + 1};
  }

 private:
  static constexpr Distance small = 24;
  static constexpr Distance large = 128;

  void sort_three(Iterator a, Iterator b, Iterator c) const {
    if (less(*b, *a)) {
      std::ranges::iter_swap(a, b);
    }
    if (less(*c, *b)) {
      std::ranges::iter_swap(b, c);
      if (less(*b, *a)) {
        std::ranges::iter_swap(a, b);
      }
    }
  }

  // The middle one of three elements, or of three such.
  void move_pivot_to(Iterator first, Distance size) const {
    const Iterator middle = first + size / 2;
    const Iterator last = first + (size - 1);
    if (size > large) {
      const Distance step = size / 8;
      sort_three(first, first + step, first + 2 * step);
      sort_three(middle - step, middle, middle + step);
      sort_three(last - 2 * step, last - step, last);
      sort_three(first + step, middle, last - step);
    } else {
      sort_three(first, middle, last);
    }
    std::ranges::iter_swap(first, middle);
  }

  template <bool with_equal, class X, class Pivot>
  bool goes_left(X&& x, Pivot&& pivot) const {
    if constexpr (with_equal) {
      return !less(pivot, x);
    } else {
      return less(x, pivot);
    }
  }

  // Puts what comes before the pivot, the first element, to its left, and what is equal to it if
  // wanted. Returns where the pivot is then.
  template <bool with_equal>
  Iterator partition(Iterator first, Iterator last) const {
    constexpr bool plain = std::is_trivially_copyable_v<Value> && sizeof(Value) <= 16 &&
                           std::same_as<std::iter_reference_t<Iterator>, Value&>;
    Iterator pivot = first;
    if constexpr (plain) {
      pivot = part_by_copies<with_equal>(first, last);
    } else {
      pivot = part_by_swaps<with_equal>(first, last);
    }
    std::ranges::iter_swap(first, pivot);
    return pivot;
  }

  // Both return the last one that goes left, or first. After Hoare, "Quicksort" (1962).
  template <bool with_equal>
  Iterator part_by_swaps(Iterator first, Iterator last) const {
    Iterator left = first + 1;
    Iterator right = last;
    while (true) {
      while (left != right && goes_left<with_equal>(*left, *first)) {
        ++left;
      }
      while (left != right && !goes_left<with_equal>(right[-1], *first)) {
        --right;
      }
      if (left == right) {
        return left - 1;
      }
      std::ranges::iter_swap(left++, --right);
    }
  }

  // Without a jump for the processor to guess wrong: Bergdoll and Peters, "Branchless Lomuto
  // Partitioning" (2023). What goes left lies in [first + 1, left), the rest in [left, next), but
  // for the gap.
  template <bool with_equal>
  Iterator part_by_copies(Iterator first, Iterator last) const {
    const Value pivot = *first;
    Iterator left = first + 1;
    Held held(left);
    for (Iterator next = first + 2; next != last; ++next) {
      const bool goes = goes_left<with_equal>(*next, pivot);
      *held.gap = *left;
      *left = *next;
      held.gap = next;
      left += static_cast<Distance>(goes);
    }
    const bool goes = goes_left<with_equal>(held.value, pivot);
    *held.gap = *left;
    held.gap = left;
    return goes ? left : left - 1;
  }
};

}  // namespace coeval::detail
