// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/processes/start_line.hpp"

#include "multiprocessing/memory/mapped_file.hpp"
#include "multiprocessing/processes/birth.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

// A list of paths that the dynamic loader takes, as a variable and as an option: ld.so(8).
struct PathList {
  std::string_view variable;
  std::string_view option;
  std::string_view separators;
  bool is_of_folders;  // an empty path is the working directory; else a name without '/' is no path
};
constexpr std::array path_lists{PathList{"LD_LIBRARY_PATH=", "--library-path", ":;", true},
                                PathList{"LD_AUDIT=", "--audit", ":", false},
                                PathList{"LD_PRELOAD=", "--preload", ": ", false}};
constexpr std::array<std::string_view, 3> other_options_with_value{
    "--inhibit-rpath", "--glibc-hwcaps-prepend", "--glibc-hwcaps-mask"};

// Whether the path is meant from the working directory. One that begins with a '$' is not.
bool is_relative(std::string_view path, bool is_of_folders) noexcept {
  if (path.starts_with('/') || path.starts_with('$')) {
    return false;
  }
  return is_of_folders || path.find('/') != std::string_view::npos;
}

std::string absolute_list(std::string_view list, const PathList& kind,
                          const std::string& directory) {
  std::string all;
  while (true) {
    const std::size_t end = list.find_first_of(kind.separators);
    const std::string_view path = list.substr(0, end);
    if (is_relative(path, kind.is_of_folders)) {
      all += directory;
    }
    all += path;
    if (end == std::string_view::npos) {
      return all;
    }
    all += list[end];
    list.remove_prefix(end + 1);
  }
}

// The program headers of the program, which the loader corrects where it was called by its name.
bool has_interpreter() noexcept {
  const auto* const headers = reinterpret_cast<const ElfW(Phdr)*>(getauxval(AT_PHDR));
  const std::size_t count = headers != nullptr ? getauxval(AT_PHNUM) : 0;
  return std::any_of(headers, headers + count,
                     [](const ElfW(Phdr) & header) { return header.p_type == PT_INTERP; });
}

StartLine& the_line() {
  static StartLine& line = *new StartLine;
  return line;
}

}  // namespace

const StartLine& StartLine::of_this_process() noexcept {
  return the_line();
}

// A variable without a value is none to the loader.
void StartLine::note() {
  StartLine& line = the_line();
  std::error_code error;
  line.directory_ = std::filesystem::current_path(error).string() + "/";
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    for (const PathList& kind : path_lists) {
      if (!text.starts_with(kind.variable) || text.size() == kind.variable.size()) {
        continue;
      }
      std::string other(kind.variable);
      other += absolute_list(text.substr(kind.variable.size()), kind, line.directory_);
      if (other != text) {
        line.before_.emplace_back(text);
        line.after_.push_back(std::move(other));
      }
    }
  }
  // The kernel maps the loader of a program that names one, unless it has executed the loader itself.
  if (has_interpreter() && getauxval(AT_BASE) == 0) {
    line.note_loader();
  }
}

// The loader's own name and options stand before the program's.
void StartLine::note_loader() {
  constexpr std::size_t most = std::size_t{64} << 10;
  std::string text(most, '\0');
  const ssize_t size = sys().read_file("/proc/self/cmdline", text.data(), text.size());
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  has_loader_ = true;
  std::string_view left = text;
  const auto take = [&left] {
    std::string_view word = left.substr(0, left.find('\0'));
    left.remove_prefix(std::min(word.size() + 1, left.size()));
    return word;
  };
  loader_.emplace_back(take());
  while (left.starts_with("--")) {
    const std::string_view option = take();
    if (option == "--argv0") {
      take();  // the name that the program is told, for which a child has another
      continue;
    }
    loader_.emplace_back(option);
    for (const PathList& kind : path_lists) {
      if (option == kind.option) {
        loader_.push_back(absolute_list(take(), kind, directory_));
      }
    }
    if (std::ranges::find(other_options_with_value, option) != other_options_with_value.end()) {
      loader_.emplace_back(take());
    }
  }
}

std::vector<std::string> StartLine::arguments(std::string title) const {
  if (!has_loader_) {
    return {program_invocation_name, std::move(title)};
  }
  std::string program = mapped_file(getauxval(AT_PHDR));
  if (program.empty()) {
    throw RuntimeError(
        "coeval::multiprocessing::Process::start: this program was started by the dynamic loader "
        "under its name (ld.so PROGRAM), and its file is not to be found any more; start it by its "
        "own name, then it may be deleted while it runs");
  }
  std::vector<std::string> all = loader_;
  all.insert(all.end(), {"--argv0", child_path, std::move(program), std::move(title)});
  return all;
}

std::string StartLine::absolute(std::string_view variable) const {
  const auto found = std::ranges::find(before_, variable);
  return found == before_.end() ? std::string(variable)
                                : after_[static_cast<std::size_t>(found - before_.begin())];
}

}  // namespace coeval::multiprocessing::detail
