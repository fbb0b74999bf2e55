// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pickling of set, map and their multi and unordered forms. Comparison, hash and equality objects
// do not cross: the reader's are default-constructed.

#include <coeval/pickle/archive.hpp>
#include <coeval/pickle/types/values.hpp>

#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace coeval::pickle::detail {

template <class Container>
struct AssociativeCodec : ReadsByValue<Container> {
  static constexpr std::size_t least_size = sizeof(std::uint64_t);
  static constexpr bool is_map = requires { typename Container::mapped_type; };

  template <int Depth>
  static constexpr std::uint32_t shape() {
    if constexpr (is_map) {
      return shape_with<Depth, typename Container::key_type, typename Container::mapped_type>(
          "map");
    } else {
      return shape_with<Depth, typename Container::key_type>("set");
    }
  }
  static void write(OutputArchive& archive, const Container& value) {
    archive(static_cast<std::uint64_t>(value.size()));
    const OutputArchive::Level level(archive);
    for (const auto& element : value) {
      if constexpr (is_map) {
        archive(element.first, element.second);
      } else {
        archive(element);
      }
    }
  }
  static Container read(InputArchive& archive) {
    using Key = typename Container::key_type;
    const std::size_t count = archive.read_count(Codec<Key>::least_size);
    const InputArchive::Level level(archive);
    Container value;
    for (std::size_t i = 0; i < count; ++i) {
      if constexpr (is_map) {
        auto key = archive.template read<Key>();
        value.emplace_hint(value.end(), std::move(key),
                           archive.template read<typename Container::mapped_type>());
      } else {
        value.emplace_hint(value.end(), archive.template read<Key>());
      }
    }
    if (value.size() != count) {
      bad_value("a set or map that has a key twice");
    }
    return value;
  }
};

template <class... Ts>
struct Codec<std::set<Ts...>> : AssociativeCodec<std::set<Ts...>> {};
template <class... Ts>
struct Codec<std::multiset<Ts...>> : AssociativeCodec<std::multiset<Ts...>> {};
template <class... Ts>
struct Codec<std::map<Ts...>> : AssociativeCodec<std::map<Ts...>> {};
template <class... Ts>
struct Codec<std::multimap<Ts...>> : AssociativeCodec<std::multimap<Ts...>> {};
template <class... Ts>
struct Codec<std::unordered_set<Ts...>> : AssociativeCodec<std::unordered_set<Ts...>> {};
template <class... Ts>
struct Codec<std::unordered_multiset<Ts...>> : AssociativeCodec<std::unordered_multiset<Ts...>> {};
template <class... Ts>
struct Codec<std::unordered_map<Ts...>> : AssociativeCodec<std::unordered_map<Ts...>> {};
template <class... Ts>
struct Codec<std::unordered_multimap<Ts...>> : AssociativeCodec<std::unordered_multimap<Ts...>> {};

}  // namespace coeval::pickle::detail
