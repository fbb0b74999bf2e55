// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/locals.hpp"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace model {
namespace {

// The program's block of thread_local variables, and the image that each new thread gets.
struct Block {
  std::byte* variables = nullptr;
  std::size_t size = 0;
  std::span<const std::byte> image;  // the rest, up to size, is zero
};

// The first object that the dynamic linker lists is the program.
int find_block(dl_phdr_info* info, std::size_t /*size*/, void* found) {
  for (const ElfW(Phdr) & segment : std::span(info->dlpi_phdr, info->dlpi_phnum)) {
    if (segment.p_type == PT_TLS && info->dlpi_tls_data != nullptr) {
      auto& block = *static_cast<Block*>(found);
      block.variables = static_cast<std::byte*>(info->dlpi_tls_data);
      block.size = segment.p_memsz;
      block.image = {reinterpret_cast<const std::byte*>(info->dlpi_addr + segment.p_vaddr),
                     segment.p_filesz};
    }
  }
  return 1;
}

const Block& block() {
  static const Block found = [] {
    Block block;
    dl_iterate_phdr(&find_block, &block);
    return block;
  }();
  return found;
}

}  // namespace

void Locals::reset() {
  bytes_.assign(block().size, std::byte{});
  std::ranges::copy(block().image, bytes_.begin());
}

void Locals::save() {
  bytes_.assign(block().variables, block().variables + block().size);
}

void Locals::load() const {
  if (!bytes_.empty()) {
    std::memcpy(block().variables, bytes_.data(), bytes_.size());
  }
}

}  // namespace model
