// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of shared memory have in common.

#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/pickle.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace support {

// A name of shared memory that nobody has, and that nobody has afterwards.
class FreshName {
 public:
  FreshName() {
    static std::atomic<int> names = 0;
    text_ = "coeval-test-" + std::to_string(::getpid()) + "-" + std::to_string(++names);
  }
  ~FreshName() { ::shm_unlink(("/" + text_).c_str()); }
  FreshName(const FreshName&) = delete;
  FreshName& operator=(const FreshName&) = delete;

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The errno of the std::system_error that the call raises; 0 if it raises nothing.
template <class F>
int error_of(F call) {
  try {
    call();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

// The line of /proc/self/maps with the mapping that begins at the address.
inline std::string line_of_mapping(const void* address) {
  std::ostringstream start;
  start << std::hex << reinterpret_cast<std::uintptr_t>(address) << '-';
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.starts_with(start.str())) {
      return line;
    }
  }
  return {};
}

// How many descriptors, and how many mappings, of memory files this process has.
inline std::pair<std::ptrdiff_t, std::ptrdiff_t> held() {
  const auto is_memory = [](const std::string& text) {
    return text.find("/memfd:") != std::string::npos || text.find("/dev/shm/") != std::string::npos;
  };
  std::pair<std::ptrdiff_t, std::ptrdiff_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code closed_meanwhile;
    found.first += is_memory(std::filesystem::read_symlink(entry, closed_meanwhile)) ? 1 : 0;
  }
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    found.second += is_memory(line) ? 1 : 0;
  }
  return found;
}

// COEVAL_KILLS sets another number.
inline int wanted_kills(int by_default) {
  const char* const given = std::getenv("COEVAL_KILLS");
  return given == nullptr ? by_default : std::atoi(given);
}

// Loads a Handle from what another process could send: any descriptor, and any bytes beside it.
template <class Handle, class... Values>
Handle load_from(coeval::FileDescriptor descriptor, const Values&... values) {
  auto archive = coeval::pickle::OutputArchive::with_descriptors();
  archive(values...);
  const coeval::pickle::Bytes bytes = archive.take().bytes;
  std::vector<coeval::FileDescriptor> descriptors;
  if (descriptor) {
    descriptors.push_back(std::move(descriptor));
  }
  coeval::pickle::InputArchive input(bytes, descriptors);
  return Handle::load(input);
}

}  // namespace support
