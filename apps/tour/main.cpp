// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The tour: what coeval does, shown by jobs that really run, with their measured times.

#include "chapters.hpp"
#include "interrupt.hpp"
#include "terminal.hpp"

#include <CLI/CLI.hpp>
#include <coeval/coeval.hpp>
#include <coeval/version.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using tour::Look;
using tour::Outcome;
using tour::Terminal;

constexpr int something_was_wrong = 1;
constexpr int bad_usage = 2;

struct Options {
  std::optional<std::string> folder;
  int port = 0;
  std::optional<std::string> pictures;
  std::optional<std::string> out;
  std::vector<int> chapters;
  bool plain = false;
  bool color = false;
};

void define(CLI::App& app, Options& options) {
  app.add_option("--folder", options.folder,
                 "The folder whose files chapter 2 serves and fetches.\n"
                 "Default: the headers of the C++ standard library")
      ->type_name("DIR")
      ->check(CLI::Validator(CLI::ExistingDirectory).description(""));
  app.add_option("--port", options.port, "The port of chapter 2's server on 127.0.0.1; 0: any")
      ->type_name("N")
      ->check(CLI::Range(0, 65535).description(""))
      ->capture_default_str();
  app.add_option("--pictures", options.pictures,
                 "The folder whose PNG and JPEG files chapter 4 works on.\n"
                 "Default: it renders a dozen")
      ->type_name("DIR")
      ->check(CLI::Validator(CLI::ExistingDirectory).description(""));
  app.add_option("--out", options.out,
                 "The PNG file that chapter 4 writes its contact sheet to.\n"
                 "Default: a new file in the folder for temporary files")
      ->type_name("FILE");
  app.add_option("--chapter", options.chapters, "Only this chapter, 1 to 4; may be repeated")
      ->type_name("N")
      ->check(CLI::Range(1, 4).description(""));
  auto* const plain = app.add_flag("--plain", options.plain, "No colours, ASCII only");
  app.add_flag("--color", options.color, "Colours even when the output is no terminal")
      ->excludes(plain);
}

Outcome run_chapter(int number, Terminal& terminal, const Options& options) {
  switch (number) {
    case 1:
      return tour::chapter_threads(terminal);
    case 2:
      return tour::chapter_io(terminal, options.folder, options.port);
    case 3:
      return tour::chapter_cpu(terminal);
    default:
      return tour::chapter_pictures(terminal, options.pictures, options.out);
  }
}

void say_what_was_seen(Terminal& terminal, const std::vector<std::pair<int, Outcome>>& outcomes,
                       double seconds) {
  constexpr const char* names[] = {"", "Two threads", "Work that waits", "Work that computes",
                                   "Work that may crash"};
  terminal.closing("What you saw");
  for (const auto& [number, outcome] : outcomes) {
    if (!outcome.summary.empty()) {
      terminal.line(fmt::format("  {}  {:<20} {}", number, names[number], outcome.summary));
    }
  }
  terminal.blank_line();
  terminal.line(fmt::format("It took {}. To go on:", tour::readable_time(seconds)));
  terminal.line("  docs/learn/lesson.md   Python's lesson beside the same in C++");
  terminal.line("  examples/lesson/       its programs, a file each");
  terminal.line("  examples/cookbook/     one small program for each thing one wants to do");
}

int run(const Options& options) {
  Terminal terminal(options.plain ? Look::plain : options.color ? Look::color : Look::automatic);
  tour::end_at_once_when_told(terminal.is_live());
  const int processors = coeval::usable_cpu_count();
  terminal.title(fmt::format("A tour of coeval {}, on {} processor{}", coeval::coeval_version(),
                             processors, processors == 1 ? "" : "s"));

  bool ok = true;
  std::vector<std::pair<int, Outcome>> outcomes;
  const double seconds = tour::seconds_of([&] {
    for (const int number : options.chapters) {
      outcomes.emplace_back(number, run_chapter(number, terminal, options));
      ok = ok && outcomes.back().second.ok;
    }
  });
  say_what_was_seen(terminal, outcomes, seconds);
  if (!terminal.flush()) {
    std::fputs("coeval-tour: standard output cannot be written\n", stderr);
    return something_was_wrong;
  }
  return ok ? 0 : something_was_wrong;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A tour of coeval: small jobs that really run, and the time they take.",
               "coeval-tour");
  Options options;
  define(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : bad_usage;
  }
  if (options.chapters.empty()) {
    options.chapters = {1, 2, 3, 4};
  }
  try {
    return run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "coeval-tour: {}\n", error.what());
    return something_was_wrong;
  }
}
