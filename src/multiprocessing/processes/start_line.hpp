// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// StartLine: how this program was started, as far as a child must be started alike: by the dynamic
// loader under its name, and with the libraries that a relative path names.

#include <string>
#include <string_view>
#include <vector>

namespace coeval::multiprocessing::detail {

// Written once, before main(); from then on several threads may read it.
class StartLine {
 public:
  static const StartLine& of_this_process() noexcept;
  // Keeps the working directory if a path of the start is relative to it. Before main().
  static void note();

  // The arguments of a child, of which the last is its title in ps. Errors: RuntimeError if the
  // program was started by the dynamic loader and is not to be found.
  std::vector<std::string> arguments(std::string title) const;

  // A "NAME=value" of the environment; the dynamic loader's, if it is as at the start, with the
  // relative paths in it absolute.
  std::string absolute(std::string_view variable) const;

 private:
  void note_loader();

  std::string directory_;            // the working directory at the start, with a '/' at its end
  std::vector<std::string> before_;  // variables with relative paths
  std::vector<std::string> after_;   // the same, absolute
  bool has_loader_ = false;
  std::vector<std::string> loader_;  // its file and its options
};

}  // namespace coeval::multiprocessing::detail
