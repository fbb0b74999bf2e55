// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/detail/code_address.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/pickle/types/text.hpp>

#include <fmt/format.h>

#include <dlfcn.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace coeval::multiprocessing::detail {
namespace {

// One module of this process. The program itself has an empty path.
struct Module {
  std::string path;
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

Module described(const dl_phdr_info& info) {
  Module module{.path = info.dlpi_name, .build_id = {}, .base = info.dlpi_addr};
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info.dlpi_phdr[i];
    if (segment.p_type == PT_NOTE && module.build_id.empty()) {
      module.build_id = build_id_in(reinterpret_cast<const char*>(info.dlpi_addr + segment.p_vaddr),
                                    segment.p_memsz);
    }
  }
  return module;
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

// Calls visit(info) for each module until it returns true: whether one did.
template <class Visit>
bool find_module(Visit visit) {
  return dl_iterate_phdr([](dl_phdr_info* info, std::size_t,
                            void* data) { return (*static_cast<Visit*>(data))(*info) ? 1 : 0; },
                         &visit) != 0;
}

// The address of the code in the module of this name and build, if this process has it.
Code locate(const std::string& path, const std::string& build_id, std::uint64_t offset) {
  std::uintptr_t found = 0;
  find_module([&](const dl_phdr_info& info) {
    const std::uintptr_t address = info.dlpi_addr + offset;
    if (path != info.dlpi_name || build_id != described(info).build_id ||
        !has_code_at(info, address)) {
      return false;
    }
    found = address;
    return true;
  });
  return reinterpret_cast<Code>(found);
}

}  // namespace

void write_code(pickle::OutputArchive& archive, Code code) {
  const auto address = reinterpret_cast<std::uintptr_t>(code);
  Module module;
  const bool found = find_module([&](const dl_phdr_info& info) {
    if (!has_code_at(info, address)) {
      return false;
    }
    module = described(info);
    return true;
  });
  if (!found) {
    throw PickleError(
        "coeval::multiprocessing: the function lies in no module of this program, so another "
        "process cannot find it");
  }
  archive(module.path, module.build_id, static_cast<std::uint64_t>(address - module.base));
}

Code read_code(pickle::InputArchive& archive) {
  const auto path = archive.read<std::string>();
  const auto build_id = archive.read<std::string>();
  const auto offset = archive.read<std::uint64_t>();
  Code code = locate(path, build_id, offset);
  if (code == nullptr && !path.empty() && dlopen(path.c_str(), RTLD_NOW) != nullptr) {
    code = locate(path, build_id, offset);
  }
  if (code == nullptr) {
    throw PickleError(fmt::format(
        "coeval::multiprocessing: this process does not have the function at {:#x} of {}; was the "
        "file replaced while the program ran?",
        offset, path.empty() ? "the program" : path));
  }
  return code;
}

}  // namespace coeval::multiprocessing::detail
