// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "album.hpp"
#include "temporary_folder.hpp"
#include "terminal.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace tour {

// What chapter 4 works on.
struct GatheredPictures {
  std::string description;                     // of the good ones: half a sentence
  PicturePaths paths = {};                     // the good ones, and then those broken on purpose
  bool any_good = false;                       // whether there is any of the former
  std::unique_ptr<TemporaryFolder> temporary;  // where those are that were rendered
};

// Takes the first 100 PNG and JPEG files below the folder, or renders a dozen if there is none, and
// renders three broken ones: the last of them crashes decode(). Errors: std::system_error; of it
// std::filesystem::filesystem_error if the folder cannot be read.
GatheredPictures gather_pictures(Terminal& terminal,
                                 const std::optional<std::filesystem::path>& folder);

}  // namespace tour
