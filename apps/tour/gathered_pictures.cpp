// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "gathered_pictures.hpp"

#include "folder.hpp"
#include "rendered_pictures.hpp"

#include <coeval/coeval.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace tour {

namespace {

namespace fs = std::filesystem;

bool is_picture(const fs::path& path) {
  std::string ending = path.extension().native();
  std::ranges::transform(ending, ending.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

// Each picture is a task that fills one of the folder's files.
PicturePaths render_all(Terminal& terminal, const TemporaryFolder& folder,
                        const std::vector<std::string>& names) {
  const auto render_one = [&folder](const std::string& name) {
    write_file(folder.file(name), render(name), Making::forbidden);
    return PicturePath{.name = name, .path = folder.file(name)};
  };
  coeval::ThreadPoolExecutor pool({.max_workers = coeval::usable_cpu_count()});
  PicturePaths paths;
  for (PicturePath& path : pool.map(render_one, names)) {
    paths.push_back(std::move(path));
    terminal.progress("rendering pictures", paths.size(), names.size());
  }
  terminal.clear_progress();
  return paths;
}

}  // namespace

GatheredPictures gather_pictures(Terminal& terminal, const std::optional<fs::path>& folder) {
  GatheredPictures pictures;
  std::vector<std::string> to_render;
  if (folder) {
    const FolderLimits limits{.files = 100, .file_bytes = 32 << 20, .wanted = is_picture};
    const Folder found = read_folder(*folder, limits);
    pictures.description = description(found, limits, "picture");
    for (const File& file : found.files) {
      pictures.paths.push_back({.name = file.name, .path = (*folder / file.name).native()});
    }
  } else {
    to_render = rendered_names();
    pictures.description = fmt::format("a dozen pictures of {} x {} pixels, rendered just now",
                                       rendered_size.width, rendered_size.height);
  }
  pictures.any_good = !pictures.paths.empty() || !to_render.empty();
  std::ranges::copy(broken_names(), std::back_inserter(to_render));
  pictures.temporary = std::make_unique<TemporaryFolder>(to_render);
  std::ranges::move(render_all(terminal, *pictures.temporary, to_render),
                    std::back_inserter(pictures.paths));
  return pictures;
}

}  // namespace tour
