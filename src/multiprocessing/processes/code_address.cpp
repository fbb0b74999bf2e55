// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/detail/code_address.hpp>

#include "multiprocessing/memory/mapped_file.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>
#include <coeval/pickle/types/text.hpp>

#include <fmt/format.h>

#include <dlfcn.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

// One module of this process, as another one is told of it. What says that it is the same there is the
// build id, which the linker makes of its contents; the path is a hint where to find one that is not
// loaded. A module without a build id is known by its path alone.
struct Module {
  std::string path;      // empty for the program itself
  std::string build_id;  // empty if it was linked without one
  std::uintptr_t base = 0;
};

std::string build_id_in(const char* notes, std::size_t size) {
  constexpr std::string_view gnu("GNU\0", 4);
  std::size_t at = 0;
  while (at + sizeof(ElfW(Nhdr)) <= size) {
    ElfW(Nhdr) note{};
    std::memcpy(&note, notes + at, sizeof note);
    const std::size_t name = at + sizeof note;
    const std::size_t text = name + (note.n_namesz + 3) / 4 * 4;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == gnu.size() &&
        text + note.n_descsz <= size && gnu == std::string_view(notes + name, gnu.size())) {
      return {notes + text, note.n_descsz};
    }
    at = text + (note.n_descsz + 3) / 4 * 4;
  }
  return {};
}

std::string build_id_of(const dl_phdr_info& info) {
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info.dlpi_phdr[i];
    if (segment.p_type == PT_NOTE) {
      std::string id = build_id_in(reinterpret_cast<const char*>(info.dlpi_addr + segment.p_vaddr),
                                   segment.p_memsz);
      if (!id.empty()) {
        return id;
      }
    }
  }
  return {};
}

bool has_code_at(const dl_phdr_info& info, std::uintptr_t address) {
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info.dlpi_phdr[i];
    const std::uintptr_t begin = info.dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0 && address >= begin &&
        address - begin < segment.p_memsz) {
      return true;
    }
  }
  return false;
}

// Calls visit(info, path) for each module until it returns true: whether one did. The first is the
// program, which the dynamic loader knows by a path of its own if it was called by its name.
template <class Visit>
bool find_module(Visit visit) {
  struct Search {
    Visit& visit;
    bool is_first = true;
  } search{.visit = visit};
  return dl_iterate_phdr(
             [](dl_phdr_info* info, std::size_t, void* data) {
               auto& all = *static_cast<Search*>(data);
               const bool is_program = std::exchange(all.is_first, false);
               return all.visit(*info, is_program ? "" : info->dlpi_name) ? 1 : 0;
             },
             &search) != 0;
}

// The address of the place in the first module that fits, if it is one of its code.
template <class Fits>
Code locate(std::uint64_t offset, Fits fits) {
  std::uintptr_t found = 0;
  find_module([&](const dl_phdr_info& info, std::string_view path) {
    const std::uintptr_t address = info.dlpi_addr + offset;
    if (!has_code_at(info, address) || !fits(info, path)) {
      return false;
    }
    found = address;
    return true;
  });
  return reinterpret_cast<Code>(found);
}

// Among the modules that this process has. Two may be copies of one file.
Code locate_loaded(const Module& wanted, std::uint64_t offset) {
  Code code = locate(offset, [&](const dl_phdr_info& info, std::string_view path) {
    return path == wanted.path && build_id_of(info) == wanted.build_id;
  });
  if (code == nullptr && !wanted.build_id.empty()) {
    code = locate(offset, [&](const dl_phdr_info& info, std::string_view) {
      return build_id_of(info) == wanted.build_id;
    });
  }
  return code;
}

// A file that is loaded already, by whatever path, is not loaded again.
Code load_and_locate(const Module& wanted, std::uint64_t offset) {
  void* const module = dlopen(wanted.path.c_str(), RTLD_NOW);
  const link_map* map = nullptr;
  if (module == nullptr || dlinfo(module, RTLD_DI_LINKMAP, static_cast<void*>(&map)) != 0) {
    return nullptr;
  }
  return locate(offset, [&](const dl_phdr_info& info, std::string_view) {
    return info.dlpi_addr == map->l_addr && build_id_of(info) == wanted.build_id;
  });
}

// Where another process finds the file of a module. The loader's path is the one that it was loaded
// by, from the working directory of that moment, and under the names that the folders had then.
std::string findable_path(std::string_view loaded_as, std::uintptr_t address) {
  std::string path(loaded_as);
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  mode_t mode = 0;
  if (path.empty() ||
      (path.front() == '/' && sys().descriptor.look(path.c_str(), &device, &inode, &mode) == 0)) {
    return path;
  }
  std::string mapped = mapped_file(address);
  return mapped.empty() ? path : mapped;
}

}  // namespace

void write_code(pickle::OutputArchive& archive, Code code) {
  const auto address = reinterpret_cast<std::uintptr_t>(code);
  Module module;
  const bool found = find_module([&](const dl_phdr_info& info, std::string_view path) {
    if (!has_code_at(info, address)) {
      return false;
    }
    module = {.path = std::string(path), .build_id = build_id_of(info), .base = info.dlpi_addr};
    return true;
  });
  if (!found) {
    throw PickleError(
        "coeval::multiprocessing: the function lies in no module of this program, so another "
        "process cannot find it");
  }
  archive(findable_path(module.path, address), module.build_id,
          static_cast<std::uint64_t>(address - module.base));
}

Code read_code(pickle::InputArchive& archive) {
  Module module;
  module.path = archive.read<std::string>();
  module.build_id = archive.read<std::string>();
  const auto offset = archive.read<std::uint64_t>();
  Code code = locate_loaded(module, offset);
  if (code == nullptr && !module.path.empty()) {
    code = load_and_locate(module, offset);
  }
  if (code == nullptr) {
    throw PickleError(fmt::format(
        "coeval::multiprocessing: this process does not have the function at {:#x} of {}; was the "
        "file replaced while the program ran?",
        offset, module.path.empty() ? "the program" : module.path));
  }
  return code;
}

}  // namespace coeval::multiprocessing::detail
