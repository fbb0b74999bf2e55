// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "core/code_place.hpp"

#include <dlfcn.h>
#include <link.h>

#include <utility>

namespace coeval::detail {
namespace {

std::string_view file_name(std::string_view path) noexcept {
  return path.substr(path.rfind('/') + 1);
}

struct ModuleSearch {
  std::string_view path;  // empty for the program
  std::uint64_t offset;
  bool in_any_folder;
  bool is_first = true;  // the program comes first
  std::uintptr_t found = 0;

  bool fits(const dl_phdr_info& info) noexcept {
    if (std::exchange(is_first, false) || path.empty()) {
      return path.empty();
    }
    return in_any_folder ? file_name(path) == file_name(info.dlpi_name) : path == info.dlpi_name;
  }
};

int look_into(dl_phdr_info* info, std::size_t, void* data) {
  ModuleSearch& wanted = *static_cast<ModuleSearch*>(data);
  if (!wanted.fits(*info)) {
    return 0;
  }
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD && wanted.offset >= segment.p_vaddr &&
        wanted.offset - segment.p_vaddr < segment.p_memsz) {
      wanted.found = info->dlpi_addr + wanted.offset;
    }
  }
  return 1;
}

}  // namespace

// _dl_find_object() is safe in a signal handler: see "Dynamic Linker Introspection" in the manual of
// the GNU C library.
CodePlace place_of_code(std::uintptr_t address) noexcept {
  dl_find_object module{};
  if (_dl_find_object(reinterpret_cast<void*>(address), &module) != 0 ||
      module.dlfo_link_map == nullptr) {
    return {.module = nullptr, .offset = address};
  }
  // The program has no name, but for a dynamic loader that was called by its own.
  const bool is_program = module.dlfo_link_map->l_prev == nullptr;
  return {.module = is_program ? "" : module.dlfo_link_map->l_name,
          .offset = address - module.dlfo_link_map->l_addr};
}

std::uintptr_t address_of_code(std::string_view module, std::uint64_t offset) {
  for (const bool in_any_folder : {false, true}) {
    ModuleSearch search{.path = module, .offset = offset, .in_any_folder = in_any_folder};
    if (dl_iterate_phdr(look_into, &search) != 0) {
      return search.found;
    }
  }
  return 0;
}

}  // namespace coeval::detail
