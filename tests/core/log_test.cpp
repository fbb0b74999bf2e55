// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/log.hpp>

#include "core/system_scope.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace coeval {
namespace {

// What reached standard error, and what reached the test's own handler.
class LogTest : public testing::Test {
 protected:
  LogTest()
      : scope_([](SystemCalls& table) {
          table.write_error = [](const char* text, std::size_t size) noexcept {
            writes.emplace_back(text, size);
          };
        }) {
    writes.clear();
    lines.clear();
  }
  ~LogTest() override { set_log_handler(nullptr); }

  static void remember(Severity severity, std::string_view source, std::string_view text) {
    lines.push_back(std::to_string(static_cast<int>(severity)) + " " + std::string(source) + " " +
                    std::string(text));
  }

  static inline std::vector<std::string> writes;
  static inline std::vector<std::string> lines;

 private:
  support::SystemScope scope_;
};

TEST_F(LogTest, the_default_prints_one_line_in_one_write) {
  log(Severity::error, "coeval.futures", "exception in a callback");
  EXPECT_EQ(writes, std::vector<std::string>{"coeval.futures error: exception in a callback\n"});
}

TEST_F(LogTest, the_default_names_each_severity) {
  log(Severity::warning, "s", "t");
  log(Severity::error, "s", "t");
  log(Severity::critical, "s", "t");
  EXPECT_EQ(writes,
            (std::vector<std::string>{"s warning: t\n", "s error: t\n", "s critical: t\n"}));
}

TEST_F(LogTest, a_handler_takes_the_place_of_the_default) {
  set_log_handler(&remember);
  log(Severity::critical, "coeval.test", "text");
  EXPECT_EQ(lines, std::vector<std::string>{"2 coeval.test text"});
  EXPECT_TRUE(writes.empty());
}

TEST_F(LogTest, setting_a_handler_returns_the_one_before) {
  const LogHandler standard = set_log_handler(&remember);
  EXPECT_NE(standard, nullptr);
  EXPECT_EQ(set_log_handler(standard), &remember);
  log(Severity::error, "s", "t");
  EXPECT_EQ(writes.size(), 1U);
}

TEST_F(LogTest, nullptr_restores_the_default) {
  set_log_handler(&remember);
  set_log_handler(nullptr);
  log(Severity::error, "s", "t");
  EXPECT_TRUE(lines.empty());
  EXPECT_EQ(writes, std::vector<std::string>{"s error: t\n"});
}

TEST_F(LogTest, a_handler_that_raises_is_told_on_standard_error) {
  set_log_handler(
      [](Severity, std::string_view, std::string_view) { throw std::runtime_error("handler"); });
  log(Severity::error, "s", "t");
  ASSERT_EQ(writes.size(), 1U);
  EXPECT_EQ(writes[0], "coeval: the log handler raised an exception\n");
}

TEST_F(LogTest, a_text_without_a_final_zero_is_printed_to_its_end) {
  const std::string_view text = std::string_view("abcdef").substr(0, 3);
  log(Severity::error, "s", text);
  EXPECT_EQ(writes, std::vector<std::string>{"s error: abc\n"});
}

}  // namespace
}  // namespace coeval
