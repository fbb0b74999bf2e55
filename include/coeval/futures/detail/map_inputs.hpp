// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>

namespace coeval::detail {

template <class View>
inline constexpr bool owns_elements = false;
template <class R>
inline constexpr bool owns_elements<std::ranges::owning_view<R>> = true;

// The type of what a range gives for an element, decayed.
template <class View>
using MapElement = std::conditional_t<std::is_reference_v<std::ranges::range_reference_t<View>>,
                                      std::decay_t<std::ranges::range_reference_t<View>>,
                                      std::ranges::range_value_t<View>>;

// MapInputs: the positions in the ranges that a map goes through together. It stays where it was
// made, as iterators may point into the ranges it owns.
template <std::ranges::input_range... Views>
class MapInputs {
 public:
  explicit MapInputs(Views... views) : views_(std::move(views)...) {}
  MapInputs(const MapInputs&) = delete;
  MapInputs& operator=(const MapInputs&) = delete;

  // Calls f with one element of each range and moves on; an empty result if a range has ended.
  // Elements of ranges that are owned here are moved from.
  template <class F>
  auto apply_next(F& f) {
    return apply(f, std::index_sequence_for<Views...>());
  }

 private:
  template <class F, std::size_t... I>
  auto apply(F& f, std::index_sequence<I...>) {
    using Result = decltype(f(element<I>()...));
    // The first call opens the ranges, the others move on: an input is not read before it is
    // needed.
    if (!opened_) {
      (std::get<I>(iterators_).emplace(std::ranges::begin(std::get<I>(views_))), ...);
      opened_ = true;
    } else {
      (++*std::get<I>(iterators_), ...);
    }
    if ((at_end<I>() || ...)) {
      return Result();
    }
    return f(element<I>()...);
  }

  template <std::size_t I>
  bool at_end() {
    return *std::get<I>(iterators_) == std::ranges::end(std::get<I>(views_));
  }

  template <std::size_t I>
  decltype(auto) element() {
    using View = std::tuple_element_t<I, std::tuple<Views...>>;
    auto& position = *std::get<I>(iterators_);
    if constexpr (!std::is_reference_v<std::ranges::range_reference_t<View>>) {
      // What stands for an element (as in std::vector<bool>) must not outlive this call.
      return static_cast<std::ranges::range_value_t<View>>(*position);
    } else if constexpr (owns_elements<View>) {
      return std::ranges::iter_move(position);
    } else {
      return *position;
    }
  }

  // An iterator of a std::views::iota and the like need not be default-constructible.
  std::tuple<Views...> views_;
  std::tuple<std::optional<std::ranges::iterator_t<Views>>...> iterators_;
  bool opened_ = false;
};

}  // namespace coeval::detail
