// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "picture_work.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace tour {

// A picture to develop.
struct PicturePath {
  std::string name;  // for errors: any bytes that a file name may have
  std::string path;
};
using PicturePaths = std::vector<PicturePath>;

// What became of it.
struct Developed {
  PicturePath path;
  Thumbnail thumbnail = {};
  std::string error = {};  // empty if there is a thumbnail
  bool crashed = false;    // the error is that it killed a worker
};

// Collects what became of pictures. For one thread.
class Album {
 public:
  // told: called after each picture with their number so far.
  explicit Album(std::function<void(std::size_t)> told) : told_(std::move(told)) {}

  // Calls thumbnail(), and keeps what it returns or raises.
  void add(const PicturePath& path, const std::function<Thumbnail()>& thumbnail);

  const std::vector<Developed>& pictures() const { return pictures_; }

  // The picture with this path. std::out_of_range if there is none.
  const Developed& picture(const std::string& path) const;

  std::vector<Developed> failed() const;  // with an ordinary error
  std::vector<Developed> crashed() const;

 private:
  std::function<void(std::size_t)> told_;
  std::vector<Developed> pictures_;
};

}  // namespace tour
