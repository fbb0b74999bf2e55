// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sha256.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tour {

struct File {
  std::string name;  // below the folder, with '/' between: any bytes that a file name may have
  std::size_t size = 0;
  Sha256 digest{};
};

// What of a folder the tour works with.
struct Folder {
  std::filesystem::path path;
  std::vector<File> files;

  // What was left out.
  bool more_files = false;    // than the limit
  std::size_t too_large = 0;  // files
  std::size_t unreadable =
      0;  // files and folders that may not be read or do not end where they say
  std::size_t total_bytes = 0;  // of files
};

struct FolderLimits {
  std::size_t files = 300;
  std::size_t file_bytes = 1 << 20;
  bool (*wanted)(const std::filesystem::path&) = nullptr;  // if given: others are passed over
};

// The first files below a folder in the order of their names, and the SHA-256 of each. Links and
// devices are passed over. Raises std::filesystem::filesystem_error if the folder itself cannot be
// read.
Folder read_folder(const std::filesystem::path& path, const FolderLimits& limits);

// "the first 300 files of DIR (12.3 MB) (left out: 1 file over 1 MiB)", with noun for "file".
std::string description(const Folder& folder, const FolderLimits& limits, std::string_view noun);

// The content of a regular file; nothing if it cannot be read, is larger than the limit or is no
// regular file. Never waits for a pipe or a device. Thread-safe.
std::optional<std::string> read_file(const std::filesystem::path& path, std::size_t limit);

// Where the headers of a C++ standard library are on this machine, if anywhere.
std::optional<std::filesystem::path> standard_library_headers();

}  // namespace tour
