// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "core/frame_names.hpp"

#include "core/debug_info.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

namespace coeval::detail {
namespace {

// Takes the next name off a nested name of the Itanium ABI, "6coeval4core…"; empty if there is none.
std::string_view take_name(std::string_view& rest) {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
  const auto digits = static_cast<std::size_t>(end - rest.data());
  if (error != std::errc() || size == 0 || size > rest.size() - digits) {
    return {};
  }
  const std::string_view name = rest.substr(digits, size);
  rest.remove_prefix(digits + size);
  return name;
}

// Whether it is in coeval::…detail, or a part of ThrowStack.
bool is_of_library(std::string_view symbol) {
  if (!symbol.starts_with("_Z")) {
    return false;
  }
  symbol.remove_prefix(2);
  symbol.remove_prefix(std::min(symbol.find_first_not_of('Z'), symbol.size()));
  if (!symbol.starts_with('N')) {
    return false;
  }
  symbol.remove_prefix(1);
  symbol.remove_prefix(std::min(symbol.find_first_not_of("rVKRO"), symbol.size()));
  if (take_name(symbol) != "coeval") {
    return false;
  }
  for (auto name = take_name(symbol); !name.empty(); name = take_name(symbol)) {
    if (name == "detail" || name == "ThrowStack" || name == "ThrowRecorder") {
      return true;
    }
  }
  return false;
}

// std::invoke and its like, by which a callable is reached.
bool is_of_standard_library(std::string_view symbol) {
  return symbol.starts_with("_ZSt") || symbol.starts_with("_ZNSt") || symbol.starts_with("_ZNKSt");
}

// What the dynamic linker knows: the module always, symbols of libraries.
NamedFrame linked(std::uintptr_t address) {
  NamedFrame frame{.symbol = {}, .module = {}, .offset = address, .file = {}};
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(address), &info) == 0) {
    return frame;
  }
  const std::string_view path(info.dli_fname);
  frame.module = path.substr(path.rfind('/') + 1);
  frame.offset = address - reinterpret_cast<std::uintptr_t>(info.dli_fbase);
  if (info.dli_sname != nullptr) {
    frame.symbol = info.dli_sname;
  }
  return frame;
}

std::string line_of(const NamedFrame& frame) {
  if (frame.symbol.empty()) {
    return frame.module.empty() ? fmt::format("  at {:#x}", frame.offset)
                                : fmt::format("  at {}+{:#x}", frame.module, frame.offset);
  }
  const std::string name = function_name(frame.symbol);
  return frame.file.empty() ? fmt::format("  at {} ({})", name, frame.module)
                            : fmt::format("  at {} ({}:{})", name, frame.file, frame.line);
}

}  // namespace

bool is_inner(const std::string& symbol) {
  for (const std::string_view prefix :
       {"_Unwind_", "__cxa_", "__interceptor_", "___interceptor_", "_ZN10__cxxabiv1",
        "_ZSt17rethrow_exception", "coeval_throw_"}) {
    if (symbol.starts_with(prefix)) {
      return true;
    }
  }
  return is_of_library(symbol);
}

std::string function_name(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable(
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
  if (status != 0) {
    return symbol;
  }
  // The parameters are the last pair of parentheses, behind which a "const" or a clone may follow.
  std::string_view name = readable.get();
  int depth = 0;
  for (std::size_t i = name.size(); i-- > 0;) {
    depth += name[i] == ')' ? 1 : name[i] == '(' ? -1 : 0;
    if (name[i] == '(' && depth == 0 && i > 0) {
      return std::string(name.substr(0, i));
    }
  }
  return std::string(name);
}

std::string frame_lines(std::span<const std::uintptr_t> addresses) {
  if (addresses.empty()) {
    return {};
  }
  DebugInfo debug_info;
  std::vector<NamedFrame> frames;
  for (const std::uintptr_t address : addresses) {
    NamedFrame frame = linked(address);
    debug_info.look_up(address, frame);
    if (!is_inner(frame.symbol)) {
      frames.push_back(std::move(frame));
    }
  }
  const auto is_interesting = [](const NamedFrame& frame) {
    return !is_of_standard_library(frame.symbol);
  };
  const auto outermost = std::find_if(frames.rbegin(), frames.rend(), is_interesting).base();
  if (outermost != frames.begin()) {
    frames.erase(outermost, frames.end());
  }
  frames.resize(std::min(frames.size(), most_lines));
  std::string text;
  for (const NamedFrame& frame : frames) {
    text += (text.empty() ? "" : "\n") + line_of(frame);
  }
  return text;
}

}  // namespace coeval::detail
