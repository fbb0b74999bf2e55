// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pictures.hpp"

#include <string>
#include <vector>

namespace tour {

// A field of the sheet. One without a picture is red, crossed out and has the remark in it.
struct Tile {
  std::string name;
  Picture picture = {};  // at most as large as a thumbnail
  std::string remark = {};
};

// The tiles side by side in rows, in their order, with their names below them. std::invalid_argument
// if there are none, or if a picture is too large.
Picture contact_sheet(const std::vector<Tile>& tiles);

}  // namespace tour
