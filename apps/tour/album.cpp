// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "album.hpp"

#include <coeval/coeval.hpp>
#include <coeval/executors/process_pool_executor.hpp>

#include <algorithm>
#include <exception>
#include <iterator>
#include <stdexcept>

namespace tour {

void Album::add(const PicturePath& path, const std::function<Thumbnail()>& thumbnail) {
  Developed picture{.path = path};
  try {
    picture.thumbnail = thumbnail();
  } catch (const coeval::WorkerDied& death) {
    picture.error = death.what();
    picture.crashed = true;
  } catch (const std::exception& error) {
    picture.error = error.what();
  }
  pictures_.push_back(std::move(picture));
  told_(pictures_.size());
}

const Developed& Album::picture(const std::string& path) const {
  const auto found = std::ranges::find(
      pictures_, path, [](const Developed& p) -> const std::string& { return p.path.path; });
  if (found == pictures_.end()) {
    throw std::out_of_range("no picture is at " + path);
  }
  return *found;
}

std::vector<Developed> Album::failed() const {
  std::vector<Developed> found;
  std::ranges::copy_if(pictures_, std::back_inserter(found),
                       [](const Developed& p) { return !p.error.empty() && !p.crashed; });
  return found;
}

std::vector<Developed> Album::crashed() const {
  std::vector<Developed> found;
  std::ranges::copy_if(pictures_, std::back_inserter(found), &Developed::crashed);
  return found;
}

}  // namespace tour
