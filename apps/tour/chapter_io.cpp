// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "chapters.hpp"
#include "fetch.hpp"
#include "folder.hpp"
#include "http_server.hpp"
#include "shown_code.hpp"

#include <coeval/coeval.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace tour {

namespace {

using namespace std::chrono_literals;
using Urls = std::vector<std::string>;

constexpr std::chrono::milliseconds latency = 20ms;

// Compares the pages of one round, which must come in the order of the files, with the files.
class Checker {
 public:
  Checker(Terminal& terminal, const Folder& folder, const Urls& urls, std::string label)
      : terminal_(terminal), folder_(folder), urls_(urls), label_(std::move(label)) {}

  void operator()(const Page& page) {
    const std::size_t i = seen_++;
    if (page.status == 404 && page.url == urls_.at(i)) {
      ++vanished_;
    } else if (page.url != urls_.at(i) || page.status != 200 ||
               sha256(page.body) != folder_.files.at(i).digest) {
      ++wrong_;
      terminal_.trouble(fmt::format("{}: not the file that was on disk before (status {})",
                                    page.url, page.status));
    }
    terminal_.progress(label_, seen_, urls_.size());
  }

  std::size_t vanished() const { return vanished_; }
  bool all_right() const { return wrong_ == 0 && seen_ == urls_.size(); }

 private:
  Terminal& terminal_;
  const Folder& folder_;
  const Urls& urls_;
  std::string label_;
  std::size_t seen_ = 0;
  std::size_t vanished_ = 0;
  std::size_t wrong_ = 0;
};

void fetch_one_by_one(const Urls& urls, Checker& check) {
  // shown: one by one
  for (const std::string& url : urls) {
    check(fetch(url));
  }
  // shown: end
}

void fetch_with_three_threads(const Urls& urls, Checker& check) {
  // shown: thread pool
  coeval::ThreadPoolExecutor pool({.max_workers = 3});
  for (const Page& page : pool.map(fetch, urls)) {
    check(page);
  }
  // shown: end
}

void fetch_with_default_pool(const Urls& urls, Checker& check) {
  coeval::ThreadPoolExecutor pool;
  for (const Page& page : pool.map(fetch, urls)) {
    check(page);
  }
}

// One after another in a row of the chart each, and whether every body was right.
class Rounds {
 public:
  Rounds(Terminal& terminal, const Folder& folder, const HttpServer& server)
      : terminal_(terminal), folder_(folder) {
    for (const File& file : folder.files) {
      urls_.push_back(server.url(file));
    }
  }

  void run(const std::string& label, BarKind kind, void (*fetch_all)(const Urls&, Checker&)) {
    Checker check(terminal_, folder_, urls_, label);
    last_ = seconds_of([&] { fetch_all(urls_, check); });
    first_ = first_ == 0 ? last_ : first_;
    const double rate = static_cast<double>(urls_.size()) / last_;
    terminal_.bar({.label = label,
                   .seconds = last_,
                   .note = fmt::format("{:4.0f} files/s {:5.1f}x", rate, speed_up()),
                   .kind = kind},
                  first_);
    vanished_ += check.vanished();
    ok_ = ok_ && check.all_right();
  }

  double speed_up() const { return first_ / last_; }
  std::size_t vanished() const { return vanished_; }
  bool ok() const { return ok_; }

 private:
  Terminal& terminal_;
  const Folder& folder_;
  Urls urls_;
  double first_ = 0;
  double last_ = 0;
  std::size_t vanished_ = 0;
  bool ok_ = true;
};

Outcome run_rounds(Terminal& terminal, const Folder& folder, const FolderLimits& limits, int port) {
  const HttpServer server(folder, port, latency);
  terminal.text(fmt::format(
      "A server on 127.0.0.1:{} waits {} ms before each answer, as one far away would. libcurl "
      "fetches {}, and each body must have the SHA-256 of its file. First one by one, then with a "
      "pool of three threads, then with as many as a pool has by default:",
      server.port(), latency.count(), description(folder, limits, "file")));
  terminal.code(shown_code("one by one") + "\n" + shown_code("thread pool"));

  const std::size_t workers = coeval::ThreadPoolExecutor().stats().max_workers;
  Rounds rounds(terminal, folder, server);
  rounds.run("one by one", BarKind::before, fetch_one_by_one);
  rounds.run("3 threads", BarKind::coeval, fetch_with_three_threads);
  rounds.run(fmt::format("{} threads (default)", workers), BarKind::coeval,
             fetch_with_default_pool);

  if (rounds.vanished() > 0) {
    terminal.trouble(
        fmt::format("{} of the answers said that the file had gone meanwhile", rounds.vanished()));
  }
  if (!rounds.ok()) {
    return {.ok = false, .summary = "some bodies were wrong: see above"};
  }
  if (rounds.speed_up() < 1.5) {
    terminal.learned("With so few files there is little to gain: give a larger --folder.");
    return {.summary = "too few files to gain from threads"};
  }
  terminal.learned(
      "Work that waits gains from more threads than the machine has processors. map() keeps the "
      "order of its inputs, and fetch() is an ordinary function that knows nothing of threads.");
  return {.summary = fmt::format("{:.1f} times as fast with the default pool", rounds.speed_up())};
}

}  // namespace

Outcome chapter_io(Terminal& terminal, const std::optional<std::filesystem::path>& folder,
                   int port) {
  terminal.chapter(2, "Work that waits: fetching files");
  const auto path = folder ? folder : standard_library_headers();
  if (!path) {
    terminal.text("Left out: this machine has no C++ headers to serve. Give --folder DIR.");
    return {};
  }
  try {
    const FolderLimits limits;
    const Folder found = read_folder(*path, limits);
    if (found.files.empty()) {
      terminal.trouble(fmt::format("no file to serve in {}; give another folder with --folder",
                                   description(found, limits, "file")));
      return {.ok = false, .summary = "no file to serve"};
    }
    return run_rounds(terminal, found, limits, port);
  } catch (const std::filesystem::filesystem_error& error) {
    terminal.trouble(
        fmt::format("cannot read the folder {}: {}", path->native(), error.code().message()));
  } catch (const std::system_error& error) {
    terminal.trouble(
        fmt::format("{}; give another port with --port, or leave it out for any "
                    "that is free",
                    error.what()));
  } catch (const FetchError& error) {
    terminal.trouble(error.what());
  }
  return {.ok = false, .summary = "did not run to its end: see above"};
}

}  // namespace tour
