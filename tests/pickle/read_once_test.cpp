// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A value whose bytes another process may change while they are read is read once: what was checked
// is what is used.

#include <coeval/core/errors.hpp>
#include <coeval/pickle/pickle.hpp>

#include "pickle/types.hpp"
#include "pickle/watched_bytes.hpp"
#include "support/sanitizers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <variant>
#include <vector>

namespace coeval::pickle {
namespace {

// What texts and the numbers of one piece of memory are made of: such are copied, and a copy may
// read some bytes twice where nothing depends on it.
constexpr char filler = 'x';
const std::string text(40, filler);
constexpr int number = 0x78787878;

using sample::written;

template <class T>
void expect_read_once(const T& value) {
  const Bytes bytes = written(value);
  Bytes again;
  std::vector<int> accesses;
  {
    const testing::WatchedBytes watched(bytes);
    InputArchive archive(watched.bytes());
    again = written(archive.read<T>());  // uses the value while it is seen where that comes from
    archive.expect_end();
    accesses = watched.accesses();
  }
  EXPECT_EQ(again, bytes);
  EXPECT_NE(std::ranges::count(accesses, 1), 0);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != static_cast<std::byte>(filler)) {
      EXPECT_LE(accesses[i], 1) << "byte " << i << " of " << bytes.size();
    }
  }
}

class ReadOnce : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__x86_64__)
    if (support::under_sanitizer) {
      GTEST_SKIP() << "a sanitizer reads along with the program";
    }
#else
    GTEST_SKIP() << "single steps need x86-64";
#endif
  }
};

enum class Colour : std::uint8_t { red, green };
enum class Wide : std::uint64_t { value = 5 };

struct Plain {
  std::uint32_t count = 1;
  std::uint32_t kind = 2;
};
struct Mixed {
  bool flag = true;
  std::string name = text;
  Colour colour = Colour::green;
  std::vector<Plain> parts = {{number, number}, {number, number}, {number, number}};
};

TEST_F(ReadOnce, numbers) {
  expect_read_once(true);
  expect_read_once(Colour::green);
  expect_read_once(Wide::value);
  expect_read_once('a');
  expect_read_once(std::int16_t{-3});
  expect_read_once(std::uint32_t{7});
  expect_read_once(std::int64_t{9});
  expect_read_once(0.25F);
  expect_read_once(0.5);
}

TEST_F(ReadOnce, exceptions_of_each_kind) {
  const auto of = [](auto error) { return std::make_exception_ptr(std::move(error)); };
  expect_read_once(std::exception_ptr());
  expect_read_once(of(std::runtime_error(text)));
  expect_read_once(of(coeval::TimeoutError(text)));
  expect_read_once(of(std::bad_alloc()));
  expect_read_once(of(std::system_error(5, std::generic_category(), text)));
  expect_read_once(of(coeval::ExceptionGroup(text, {of(std::runtime_error(text)), of(text)})));
  expect_read_once(of(coeval::SystemExit(3)));
  expect_read_once(of(text));
  expect_read_once(of(coeval::WorkerDied(text, -9, 1234, text)));
}

TEST_F(ReadOnce, containers) {
  expect_read_once(text);
  expect_read_once(std::u16string(40, u'\x7878'));
  expect_read_once(std::vector<int>(17, number));
  expect_read_once(std::vector<bool>{true, false, true});
  expect_read_once(std::vector<std::string>(3, text));
  expect_read_once(std::vector<std::vector<std::optional<int>>>{{1, {}}, {}, {2}});
  expect_read_once(std::deque<Colour>{Colour::red, Colour::green});
  expect_read_once(std::set<int>{1, 2, 3});
  expect_read_once(std::map<std::string, std::vector<int>>{{text, {}}, {text + filler, {number}}});
  expect_read_once(std::array<Mixed, 2>());
  expect_read_once(std::array<std::uint16_t, 3>{1, 2, 3});
  expect_read_once(std::bitset<3>(5));
}

TEST_F(ReadOnce, values_of_other_types) {
  expect_read_once(std::optional<std::uint8_t>(3));
  expect_read_once(std::variant<int, std::string, std::vector<bool>>(text));
  expect_read_once(std::variant<int, double, char, long, bool, float>(true));
  expect_read_once(std::tuple<bool, int, Colour>(true, 2, Colour::green));
  expect_read_once(std::make_unique<Mixed>());
  expect_read_once(std::error_code(3, std::system_category()));
  expect_read_once(std::complex<float>(1, 2));
  expect_read_once(std::chrono::milliseconds(5));
  expect_read_once(Plain());
  expect_read_once(Mixed());
}

}  // namespace
}  // namespace coeval::pickle
