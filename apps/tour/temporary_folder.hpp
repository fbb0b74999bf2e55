// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tour {

// A new folder below that for temporary files, and empty files in it, to be written without being
// made anew. Gone at the end of the scope, and when Ctrl-C ends the program. One at a time.
class TemporaryFolder {
 public:
  // The names are plain ones. std::system_error if it cannot be made.
  explicit TemporaryFolder(const std::vector<std::string>& names);
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }
  std::string file(const std::string& name) const { return (path_ / name).native(); }

 private:
  void remove() noexcept;

  std::filesystem::path path_;
  std::vector<std::string> contents_;    // the paths of the files, and then of the folder
  std::vector<const char*> for_signal_;  // the same, with a null pointer at the end
};

// A new file below the folder for temporary files, whose name ends in the suffix. It stays. Errors:
// std::system_error.
std::filesystem::path new_temporary_file(const std::string& suffix);

enum class Making { allowed, forbidden };

// Replaces the content of a file, which must be there if making it is forbidden. std::system_error
// with the path if that fails.
void write_file(const std::filesystem::path& path, const std::string& content, Making making);

}  // namespace tour
