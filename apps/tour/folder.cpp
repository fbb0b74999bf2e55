// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace tour {

namespace {

namespace fs = std::filesystem;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::vector<fs::directory_entry> sorted_entries(const fs::path& folder, std::error_code& error) {
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(*it);
  }
  std::ranges::sort(entries, {}, [](const fs::directory_entry& e) { return e.path().native(); });
  return entries;
}

class Walk {
 public:
  Walk(const fs::path& path, const FolderLimits& limits) : limits_(limits) { folder_.path = path; }

  Folder run() && {
    std::error_code error;
    const auto entries = sorted_entries(folder_.path, error);
    if (error) {
      throw fs::filesystem_error("cannot read the folder", folder_.path, error);
    }
    visit(entries);
    return std::move(folder_);
  }

 private:
  void visit(const std::vector<fs::directory_entry>& entries) {
    for (const fs::directory_entry& entry : entries) {
      if (folder_.more_files) {
        return;
      }
      std::error_code error;
      const fs::file_status status = entry.symlink_status(error);
      if (error) {
        ++folder_.unreadable;
      } else if (fs::is_directory(status)) {
        const auto inner = sorted_entries(entry.path(), error);
        folder_.unreadable += error ? 1 : 0;
        visit(inner);
      } else if (fs::is_regular_file(status) &&
                 (limits_.wanted == nullptr || limits_.wanted(entry.path()))) {
        add(entry);
      }
    }
  }

  void add(const fs::directory_entry& entry) {
    std::error_code error;
    if (entry.file_size(error) > limits_.file_bytes && !error) {
      ++folder_.too_large;
      return;
    }
    const std::optional<std::string> content = read_file(entry.path(), limits_.file_bytes);
    if (!content) {
      ++folder_.unreadable;
    } else if (folder_.files.size() == limits_.files) {
      folder_.more_files = true;
    } else {
      folder_.files.push_back({.name = entry.path().lexically_relative(folder_.path).native(),
                               .size = content->size(),
                               .digest = sha256(*content)});
      folder_.total_bytes += content->size();
    }
  }

  FolderLimits limits_;
  Folder folder_;
};

std::string how_many(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

Folder read_folder(const fs::path& path, const FolderLimits& limits) {
  return Walk(path, limits).run();
}

std::string description(const Folder& folder, const FolderLimits& limits, std::string_view noun) {
  std::string text = folder.more_files ? fmt::format("the first {} {}s", folder.files.size(), noun)
                                       : how_many(folder.files.size(), noun);
  text += fmt::format(" of {} ({:.1f} MB)", folder.path.native(),
                      static_cast<double>(folder.total_bytes) / 1e6);
  std::vector<std::string> left_out;
  if (folder.too_large > 0) {
    left_out.push_back(
        fmt::format("{} over {} MiB", how_many(folder.too_large, noun), limits.file_bytes >> 20));
  }
  if (folder.unreadable > 0) {
    left_out.push_back(fmt::format("{} that cannot be read", folder.unreadable));
  }
  if (!left_out.empty()) {
    text += fmt::format(" (left out: {})", fmt::join(left_out, ", "));
  }
  return text;
}

std::optional<std::string> read_file(const fs::path& path, std::size_t limit) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (fd.get() < 0 || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      std::cmp_greater(status.st_size, limit)) {
    return std::nullopt;
  }
  // One byte more than it says: files of /proc say 0, and are no plain content.
  const auto size = static_cast<std::size_t>(status.st_size);
  std::string content(size + 1, '\0');
  std::size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t n = read(fd.get(), content.data() + filled, content.size() - filled);
    if (n < 0 && errno != EINTR) {
      return std::nullopt;
    }
    if (n == 0) {
      break;
    }
    filled += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  }
  if (filled != size) {
    return std::nullopt;
  }
  content.resize(size);
  return content;
}

std::optional<fs::path> standard_library_headers() {
  std::error_code error;
  std::optional<std::pair<int, fs::path>> newest;
  for (fs::directory_iterator it("/usr/include/c++", error), end; !error && it != end;
       it.increment(error)) {
    const int version = std::atoi(it->path().filename().c_str());
    if (!newest || version > newest->first) {
      newest.emplace(version, it->path());
    }
  }
  if (newest) {
    return newest->second;
  }
  return fs::is_directory("/usr/include", error) ? std::optional<fs::path>("/usr/include")
                                                 : std::nullopt;
}

}  // namespace tour
