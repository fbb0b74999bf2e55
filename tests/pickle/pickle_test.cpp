// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/pickle/pickle.hpp>

#include "pickle/types.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <deque>
#include <forward_list>
#include <limits>
#include <list>
#include <optional>
#include <string>
#include <utility>

namespace coeval::pickle {
namespace {

using namespace std::chrono_literals;
using namespace sample;

template <class T>
T there_and_back(const T& value) {
  return loads<T>(dumps(value));
}
template <class T>
void crosses(const T& value) {
  EXPECT_EQ(there_and_back(value), value) << type_name(typeid(T));
}

// In an unnamed namespace, as types of a program often are: no compiler warns of it.
struct Unnamed {
  int number;
  std::optional<std::string> text;
  friend bool operator==(const Unnamed&, const Unnamed&) = default;
};

TEST(Pickle, carries_numbers) {
  crosses(true);
  crosses('x');
  crosses(std::numeric_limits<std::int64_t>::min());
  crosses(std::numeric_limits<std::uint64_t>::max());
  crosses(1.5F);
  crosses(-0.1L);
  crosses(Colour::green);
  crosses(std::byte{7});
  EXPECT_TRUE(std::isnan(there_and_back(std::nan(""))));
}

TEST(Pickle, carries_text) {
  crosses(std::string());
  crosses(std::string("with a \0 inside", 15));
  crosses(std::u16string(u"text"));
  crosses(std::wstring(L"text"));
  EXPECT_EQ(loads<std::string>(dumps("a literal")), "a literal");
  EXPECT_EQ(loads<std::string>(dumps(std::string_view("a view"))), "a view");
}

TEST(Pickle, carries_sequences) {
  crosses(std::vector<int>{1, 2, 3});
  crosses(std::vector<Point>{{1, 2}, {3, 4}});
  crosses(std::vector<bool>{true, false, true});
  crosses(std::vector<std::vector<std::string>>{{"a", "b"}, {}, {"c"}});
  crosses(std::deque<std::string>{"a", "b"});
  crosses(std::list<int>{1, 2});
  crosses(std::forward_list<int>{1, 2, 3});
  crosses(std::array<double, 3>{1, 2, 3});
  crosses(std::array<std::string, 2>{"a", "b"});
  crosses(std::array<int, 0>{});
  crosses(std::bitset<70>("1011"));
  crosses(std::vector<Empty>(5));
  const std::vector<double> numbers{1, 2};
  EXPECT_EQ(loads<std::vector<double>>(dumps(std::span(numbers))), numbers);
}

TEST(Pickle, carries_sets_and_maps) {
  crosses(std::set<int>{3, 1});
  crosses(std::multiset<int>{3, 3});
  crosses(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  crosses(std::multimap<int, std::string>{{1, "a"}, {1, "b"}});
  crosses(std::unordered_set<std::string>{"a", "b"});
  crosses(std::unordered_multiset<int>{1, 1});
  crosses(std::unordered_map<std::string, int>{{"a", 1}, {"b", 2}});
  crosses(std::unordered_multimap<int, int>{{1, 1}, {1, 2}});
}

TEST(Pickle, carries_the_small_standard_types) {
  crosses(std::optional<int>());
  crosses(std::optional(std::string("x")));
  crosses(std::variant<int, std::string>("x"));
  crosses(std::variant<std::monostate, int>());
  crosses(std::tuple<int, std::string, bool>{1, "a", true});
  crosses(std::tuple<>());
  crosses(std::pair(1, std::string("b")));
  crosses(std::complex<double>(1, 2));
  crosses(1500ms);
  crosses(std::chrono::duration<double>(0.5));
  crosses(std::chrono::system_clock::time_point(1h));
  crosses(std::filesystem::path("/a/b c"));
  crosses(std::make_error_code(std::errc::no_space_on_device));
  crosses(std::error_code(5, std::system_category()));
  EXPECT_EQ(*there_and_back(std::make_unique<int>(7)), 7);
  EXPECT_EQ(there_and_back(std::unique_ptr<int>()), nullptr);
}

TEST(Pickle, carries_aggregates_without_a_line_in_them) {
  crosses(Empty());
  crosses(Point{1, 2});
  const Row row{'k', 2.5, {1, 2, 3}, {4, 5}, "name"};
  crosses(row);
  crosses(Table{{row, row}, row, {"a", "b"}, Colour::green, true});
  crosses(Quote{2.5, {'a', 'b'}});
  crosses(std::vector<Quote>(10'000, Quote{2.5, {'a', 'b'}}));
  crosses(std::vector<std::array<Quote, 2>>(3));
  crosses(Wide{1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,
               "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"});
  const Node list{1, std::make_unique<Node>(Node{2, nullptr})};
  EXPECT_EQ(there_and_back(list).next->value, 2);
}

TEST(Pickle, carries_aggregates_of_an_unnamed_namespace) {
  crosses(Unnamed{.number = 1, .text = "one"});
}

TEST(Pickle, carries_types_that_serialize_themselves) {
  crosses(Account("Ann", 5));
  crosses(std::vector<Account>{{"Ann", 5}, {"Bob", 6}});
  crosses(std::vector<Celsius>{Celsius(1), Celsius(2)});
  Foreign foreign;
  foreign.set(9);
  EXPECT_EQ(there_and_back(foreign).get(), 9);
}

TEST(Pickle, tells_another_type_by_its_name) {
  try {
    static_cast<void>(loads<long>(dumps(std::string("text"))));
    FAIL() << "no exception";
  } catch (const PickleError& error) {
    EXPECT_STREQ(error.what(), "coeval::pickle::loads<long>: the bytes hold std::string");
  }
  EXPECT_THROW(loads<unsigned>(dumps(1)), PickleError);
  EXPECT_THROW(loads<std::vector<int>>(dumps(std::vector<float>{1})), PickleError);
  EXPECT_THROW((loads<std::map<int, int>>(dumps(std::map<int, long>()))), PickleError);
  EXPECT_THROW(loads<Point>(dumps(Row())), PickleError);
}

TEST(Pickle, a_value_that_holds_itself_too_deeply_is_an_error) {
  Node list;
  for (int i = 0; i < 1000; ++i) {
    list = Node{i, std::make_unique<Node>(std::move(list))};
  }
  EXPECT_THROW(static_cast<void>(dumps(list)), PickleError);
}

TEST(Pickle, descriptors_cross_in_a_parcel_only) {
  const FileDescriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_THROW(static_cast<void>(dumps(null)), PickleError);
  EXPECT_THROW(static_cast<void>(dumps_parcel(FileDescriptor())), PickleError);
  std::vector<FileDescriptor> two;
  two.push_back(null.duplicate());
  two.push_back(null.duplicate());
  Parcel parcel = dumps_parcel(two);
  ASSERT_EQ(parcel.descriptors.size(), 2U);
  EXPECT_THROW(loads<std::vector<FileDescriptor>>(parcel.bytes), PickleError);
  const auto received = loads_parcel<std::vector<FileDescriptor>>(std::move(parcel));
  ASSERT_EQ(received.size(), 2U);
  EXPECT_TRUE(received[0] && received[1]);
  EXPECT_NE(received[0].get(), two[0].get());
  Parcel more = dumps_parcel(1);
  more.descriptors.push_back(null.duplicate());
  EXPECT_THROW(loads_parcel<int>(std::move(more)), PickleError);
}

}  // namespace
}  // namespace coeval::pickle
