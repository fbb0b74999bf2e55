// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "rendered_pictures.hpp"

#include "png.hpp"
#include "scenes.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>

namespace tour {

namespace {

constexpr const char* truncated = "truncated.jpg";
constexpr const char* wrong_bytes = "wrong_bytes.png";
constexpr const char* crash = "crash.png";

Picture painted(const Scene& scene) {
  Picture picture{.size = rendered_size, .pixels = {}};
  picture.pixels.reserve(3 * static_cast<std::size_t>(rendered_size.width * rendered_size.height));
  const double unit = rendered_size.height / 2.0;
  for (int y = 0; y < rendered_size.height; ++y) {
    for (int x = 0; x < rendered_size.width; ++x) {
      const Color color =
          scene.color((x + 0.5 - rendered_size.width / 2.0) / unit, 1 - (y + 0.5) / unit);
      for (const double part : {color.red, color.green, color.blue}) {
        picture.pixels.push_back(static_cast<unsigned char>(std::clamp(part, 0.0, 1.0) * 255.99));
      }
    }
  }
  return picture;
}

const Scene& scene_of(std::string_view name) {
  const auto all = scenes();
  const auto found = std::ranges::find(all, name, &Scene::file);
  if (found == all.end()) {
    throw std::invalid_argument("no picture is called " + std::string(name));
  }
  return *found;
}

}  // namespace

std::vector<std::string> rendered_names() {
  std::vector<std::string> names;
  for (const Scene& scene : scenes()) {
    names.emplace_back(scene.file);
  }
  return names;
}

std::vector<std::string> broken_names() {
  return {truncated, wrong_bytes, crash};
}

std::string render(const std::string& name) {
  if (name == truncated) {
    std::string file = render("waves.jpg");
    file.resize(file.size() / 2);
    return file;
  }
  if (name == wrong_bytes) {
    std::string file = render("checker.png");
    for (std::size_t i = file.size() / 2; i < file.size() / 2 + 4; ++i) {
      file[i] = static_cast<char>(~file[i]);
    }
    return file;
  }
  if (name == crash) {
    return encode_png_that_crashes(painted(scene_of("checker.png")));
  }
  const Picture picture = painted(scene_of(name));
  return encode(picture, name.ends_with(".png") ? PictureFormat::png : PictureFormat::jpeg);
}

}  // namespace tour
