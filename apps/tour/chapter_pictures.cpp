// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "album.hpp"
#include "chapters.hpp"
#include "contact_sheet.hpp"
#include "gathered_pictures.hpp"
#include "picture_work.hpp"
#include "rendered_pictures.hpp"
#include "shown_code.hpp"
#include "temporary_folder.hpp"

#include <coeval/coeval.hpp>
#include <coeval/executors/process_pool_executor.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace tour {

namespace {

namespace fs = std::filesystem;
using coeval::usable_cpu_count;

void develop_one_by_one(const PicturePaths& paths, Album& album) {
  for (const PicturePath& path : paths) {
    album.add(path, [&] { return develop(path.path); });
  }
}

// shown: develop all
template <class Pool>
void develop_all(const PicturePaths& paths, Album& album) {
  Pool pool({.max_workers = usable_cpu_count()});
  std::vector<coeval::Future<Thumbnail>> thumbnails;
  for (const auto& [name, path] : paths) {
    thumbnails.push_back(pool.with({.name = name}).submit(develop, path));
  }
  for (std::size_t i = 0; i < paths.size(); ++i) {
    album.add(paths[i], [&] { return thumbnails[i].take(); });
  }
}
// shown: end

// shown: two ways
constexpr auto on_threads = develop_all<coeval::ThreadPoolExecutor>;
constexpr auto on_processes = develop_all<coeval::ProcessPoolExecutor>;
// shown: end

// One way to develop the pictures, and what came of it.
struct Round {
  std::string label;
  BarKind kind = BarKind::coeval;
  Album album;
  double seconds = 0;
};

Round run_round(Terminal& terminal, const std::string& label, BarKind kind,
                const PicturePaths& paths, void (*develop_them)(const PicturePaths&, Album&)) {
  Round round{.label = label,
              .kind = kind,
              .album = Album([&terminal, label, total = paths.size()](std::size_t done) {
                terminal.progress(label, done, total);
              })};
  round.seconds = seconds_of([&] { develop_them(paths, round.album); });
  terminal.clear_progress();
  return round;
}

std::string workers_label(std::string_view noun, std::string_view plural) {
  const int n = usable_cpu_count();
  return fmt::format("{} {}", n, n == 1 ? noun : plural);
}

// Draws the rows of the chart and compares the rounds: whether they agree.
bool compare(Terminal& terminal, const std::vector<Round>& rounds) {
  const double full = rounds.front().seconds;
  for (const Round& round : rounds) {
    terminal.bar({.label = round.label,
                  .seconds = round.seconds,
                  .note = fmt::format("{} files {:5.1f}x", round.album.pictures().size(),
                                      full / round.seconds),
                  .kind = round.kind},
                 full);
  }
  bool all_agree = true;
  for (const Developed& picture : rounds.front().album.pictures()) {
    for (const Round& round : rounds) {
      const Developed& other = round.album.picture(picture.path.path);
      if (other.thumbnail.file != picture.thumbnail.file || other.error != picture.error) {
        all_agree = false;
        terminal.trouble(fmt::format("{}: {} gave something else than {}",
                                     terminal.printable(picture.path.name), round.label,
                                     rounds.front().label));
      }
    }
  }
  return all_agree;
}

void tell_of_failures(Terminal& terminal, const Album& album) {
  constexpr std::size_t most_shown = 10;
  const auto failed = album.failed();
  terminal.blank_line();
  terminal.text(
      "The processes' time has their start in it, and that of another one after the crash. An "
      "exception in develop() is raised where the result is read, also when it was thrown in "
      "another process. The words are those of libjpeg and libpng:");
  terminal.blank_line();
  for (const Developed& picture : failed | std::views::take(most_shown)) {
    terminal.quote(picture.error);
  }
  if (failed.size() > most_shown) {
    terminal.line(fmt::format("    and {} more", failed.size() - most_shown));
  }
}

void tell_of_crashes(Terminal& terminal, const Album& album) {
  for (const Developed& picture : album.crashed()) {
    terminal.blank_line();
    terminal.text(fmt::format(
        "{} killed the process that had it. That picture alone failed, and the report says where "
        "it crashed:",
        terminal.printable(picture.path.name)));
    terminal.blank_line();
    terminal.quote(picture.error);
  }
  terminal.blank_line();
  terminal.text(
      "What kills its process was left out of the other two ways: there it would have ended this "
      "tour.");
}

void show_sheet(Terminal& terminal, const Album& album, const std::optional<fs::path>& out) {
  std::vector<Tile> tiles;
  for (const Developed& picture : album.pictures()) {
    Tile tile{.name = fs::path(picture.path.name).filename().native()};
    if (picture.error.empty()) {
      tile.picture = decode({.name = picture.path.name, .bytes = picture.thumbnail.file});
    } else {
      tile.remark = picture.crashed ? "crashed" : "failed";
    }
    tiles.push_back(std::move(tile));
  }
  const Picture sheet = contact_sheet(tiles);
  const std::string file = encode(sheet, PictureFormat::png);
  const fs::path path = out ? *out : new_temporary_file("-contact-sheet.png");
  write_file(path, file, Making::allowed);
  if (terminal.shows_images()) {
    terminal.blank_line();
    const int width = static_cast<int>(terminal.width()) - 4;
    terminal.image(shrink(sheet, {.width = width, .height = width}));
  }
  terminal.blank_line();
  terminal.line(fmt::format("The contact sheet, {} x {} pixels, to look at:", sheet.size.width,
                            sheet.size.height));
  terminal.line("  " + terminal.printable(path.native()));
}

Outcome develop_in_all_ways(Terminal& terminal, const PicturePaths& paths,
                            const std::optional<fs::path>& out) {
  terminal.code(shown_code("develop") + "\n" + shown_code("develop all"));
  terminal.text("The way it runs is one type name:");
  terminal.code(shown_code("two ways"));

  // The processes come first: what kills one of them must not run in this process.
  Round processes = run_round(terminal, workers_label("process", "processes"), BarKind::coeval,
                              paths, on_processes);
  const Developed& last = processes.album.pictures().back();
  if (!last.crashed) {
    terminal.trouble(terminal.printable(
        fmt::format("{} should have crashed its process: {}", last.path.name, last.error)));
    return {.ok = false, .summary = "processes do not work here: see above"};
  }
  PicturePaths harmless;
  for (const Developed& picture : processes.album.pictures()) {
    if (!picture.crashed) {
      harmless.push_back(picture.path);
    }
  }
  std::vector<Round> rounds;
  rounds.push_back(
      run_round(terminal, "one by one", BarKind::before, harmless, develop_one_by_one));
  rounds.push_back(run_round(terminal, workers_label("thread", "threads"), BarKind::coeval,
                             harmless, on_threads));
  rounds.push_back(std::move(processes));

  const Album& album = rounds.back().album;
  const bool all_agree = compare(terminal, rounds);
  tell_of_failures(terminal, album);
  tell_of_crashes(terminal, album);
  show_sheet(terminal, album, out);
  terminal.learned(
      "A crash ends the process it happens in, with all of its threads. With a pool of processes "
      "it is one task's error. The function stays as it is; what changes is one type name.");
  const double gain = rounds.front().seconds / rounds.back().seconds;
  return {.ok = all_agree,
          .summary = fmt::format("a crash cost one picture of {}; {:.1f} times as fast",
                                 paths.size(), gain)};
}

}  // namespace

Outcome chapter_pictures(Terminal& terminal, const std::optional<fs::path>& folder,
                         const std::optional<fs::path>& out) {
  terminal.chapter(4, "Work that may crash: pictures");
  try {
    const GatheredPictures pictures = gather_pictures(terminal, folder);
    const std::string description = terminal.printable(pictures.description);
    if (!pictures.any_good) {
      terminal.trouble(fmt::format("there is no PNG or JPEG file to work on: {}", description));
      return {.ok = false, .summary = "no picture to work on"};
    }
    terminal.text(fmt::format(
        "The work: {}. Beside them lie three broken ones: {} ends too early, {} is what it says, "
        "and at {} the decoder follows a null pointer, on purpose. Each is decoded, made small, "
        "sharpened and encoded again, with libpng and libjpeg:",
        description, broken_names()[0], broken_names()[1], broken_names()[2]));
    return develop_in_all_ways(terminal, pictures.paths, out);
  } catch (const fs::filesystem_error& error) {
    terminal.trouble(terminal.printable(fmt::format(
        "cannot read the folder {}: {}", error.path1().native(), error.code().message())));
  } catch (const std::system_error& error) {
    terminal.trouble(terminal.printable(error.what()));
  }
  return {.ok = false, .summary = "did not run to its end: see above"};
}

}  // namespace tour
