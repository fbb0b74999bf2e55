// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "core/debug_info.hpp"

#include <coeval/core/system.hpp>

#if __has_include(<elfutils/libdwfl.h>)
#include <dlfcn.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <sys/auxv.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace coeval::detail {
namespace {

std::string without_folders(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// The functions of libdw that are used here.
struct Libdw {
  decltype(&::dwfl_begin) begin = nullptr;
  decltype(&::dwfl_end) end = nullptr;
  decltype(&::dwfl_linux_proc_report) report = nullptr;
  decltype(&::dwfl_report_end) report_end = nullptr;
  decltype(&::dwfl_linux_proc_find_elf) find_elf = nullptr;
  decltype(&::dwfl_addrmodule) module_of = nullptr;
  decltype(&::dwfl_module_addrinfo) symbol_of = nullptr;
  decltype(&::dwfl_module_addrdie) unit_of = nullptr;
  decltype(&::dwfl_module_nextcu) next_unit = nullptr;
  decltype(&::dwarf_haspc) covers = nullptr;
  decltype(&::dwarf_getsrc_die) line_of = nullptr;
  decltype(&::dwarf_linesrc) file = nullptr;
  decltype(&::dwarf_lineno) number = nullptr;
  bool is_whole = true;

  explicit Libdw(void* library) noexcept {
    load(library, "dwfl_begin", begin);
    load(library, "dwfl_end", end);
    load(library, "dwfl_linux_proc_report", report);
    load(library, "dwfl_report_end", report_end);
    load(library, "dwfl_linux_proc_find_elf", find_elf);
    load(library, "dwfl_addrmodule", module_of);
    load(library, "dwfl_module_addrinfo", symbol_of);
    load(library, "dwfl_module_addrdie", unit_of);
    load(library, "dwfl_module_nextcu", next_unit);
    load(library, "dwarf_haspc", covers);
    load(library, "dwarf_getsrc_die", line_of);
    load(library, "dwarf_linesrc", file);
    load(library, "dwarf_lineno", number);
  }

  template <class Function>
  void load(void* library, const char* name, Function& function) noexcept {
    function = library != nullptr ? reinterpret_cast<Function>(dlsym(library, name)) : nullptr;
    is_whole = is_whole && function != nullptr;
  }
};

// Never unloaded. A program linked with -static, which no dynamic linker has loaded, would get a
// second C library with it, whose heap is another: it does without.
const Libdw& libdw() {
  static const Libdw functions(
      getauxval(AT_BASE) != 0 ? dlopen("libdw.so.1", RTLD_LAZY | RTLD_LOCAL) : nullptr);
  return functions;
}

// The program's own file may have been moved or deleted since it was started. libdw would open the
// others itself, and take the number of a standard descriptor that is closed.
int find_elf(Dwfl_Module* module, void** data, const char* name, Dwarf_Addr base, char** file,
             Elf** elf) {
  constexpr std::string_view deleted = " (deleted)";
  if (std::string_view(name).ends_with(deleted)) {
    *file = strdup(name);
    return sys().descriptor.open("/proc/self/exe", O_RDONLY, 0);
  }
  if (name[0] == '/') {
    *file = strdup(name);
    return sys().descriptor.open(name, O_RDONLY, 0);
  }
  return libdw().find_elf(module, data, name, base, file, elf);
}

// Debug information in files of its own is not looked for: that may ask servers.
int find_debug_file(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*,
                    GElf_Word, char**) {
  return -1;
}

// The compilation unit of the address; clang leaves the index out that finds it at once.
Dwarf_Die* unit_of(Dwfl_Module* module, Dwarf_Addr address, Dwarf_Addr* bias) {
  if (Dwarf_Die* const unit = libdw().unit_of(module, address, bias)) {
    return unit;
  }
  Dwarf_Die* unit = libdw().next_unit(module, nullptr, bias);
  while (unit != nullptr && libdw().covers(unit, address - *bias) <= 0) {
    unit = libdw().next_unit(module, unit, bias);
  }
  return unit;
}

}  // namespace

struct DebugInfo::Session {
  Dwfl_Callbacks callbacks{.find_elf = &find_elf,
                           .find_debuginfo = &find_debug_file,
                           .section_address = nullptr,
                           .debuginfo_path = nullptr};
  Dwfl* dwfl = libdw().begin(&callbacks);

  ~Session() { libdw().end(dwfl); }
};

DebugInfo::DebugInfo() {
  if (!libdw().is_whole) {
    return;
  }
  session_ = std::make_unique<Session>();
  if (session_->dwfl == nullptr || libdw().report(session_->dwfl, sys().getpid()) != 0 ||
      libdw().report_end(session_->dwfl, nullptr, nullptr) != 0) {
    session_.reset();
  }
}

DebugInfo::~DebugInfo() = default;

void DebugInfo::look_up(std::uintptr_t address, NamedFrame& frame) {
  Dwfl_Module* const module =
      session_ != nullptr ? libdw().module_of(session_->dwfl, address) : nullptr;
  if (module == nullptr) {
    return;
  }
  GElf_Off offset = 0;
  GElf_Sym entry{};
  if (const char* const symbol =
          libdw().symbol_of(module, address, &offset, &entry, nullptr, nullptr, nullptr)) {
    frame.symbol = symbol;
  }
  Dwarf_Addr bias = 0;
  Dwarf_Die* const unit = unit_of(module, address, &bias);
  Dwarf_Line* const line = unit != nullptr ? libdw().line_of(unit, address - bias) : nullptr;
  const char* const file = line != nullptr ? libdw().file(line, nullptr, nullptr) : nullptr;
  if (file != nullptr && libdw().number(line, &frame.line) == 0 && frame.line > 0) {
    frame.file = without_folders(file);
  }
}

}  // namespace coeval::detail

#else

namespace coeval::detail {

struct DebugInfo::Session {};
DebugInfo::DebugInfo() = default;
DebugInfo::~DebugInfo() = default;
void DebugInfo::look_up(std::uintptr_t, NamedFrame&) {}

}  // namespace coeval::detail

#endif
