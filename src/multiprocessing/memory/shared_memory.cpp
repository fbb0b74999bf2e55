// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/shared_memory.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>

namespace coeval::multiprocessing {
namespace {

constexpr std::size_t longest_name = 250;
constexpr int memory_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
// Memory below this size is not worth a look at what the machine has.
constexpr std::size_t large = std::size_t{16} << 20;

[[noreturn]] void fail_memory(int error, std::string_view what) {
  throw std::system_error(error, std::generic_category(),
                          fmt::format("coeval::multiprocessing::SharedMemory: {}", what));
}

void require_name(std::string_view name) {
  if (name.empty() || name.size() > longest_name || name == "." || name == ".." ||
      name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos) {
    throw ValueError(fmt::format(
        "coeval::multiprocessing::SharedMemory: {:?} is no name; give one of 1 to {} bytes without "
        "'/' and null characters",
        name, longest_name));
  }
}

// A line "MemAvailable:   123 kB" of /proc/meminfo, in bytes; 0 if it is not there.
std::uint64_t bytes_in_line(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) {
    return 0;
  }
  text.remove_prefix(at + key.size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  std::uint64_t kilobytes = 0;
  std::from_chars(text.data(), text.data() + text.size(), kilobytes);
  return kilobytes << 10;
}

// Filling a memory file with pages never fails for want of memory: the kernel kills processes
// instead. So more than it has is refused before. Source: proc(5), /proc/meminfo.
void require_room(std::size_t size) {
  if (size > static_cast<std::size_t>(std::numeric_limits<off_t>::max() / 2) || size == 0) {
    throw ValueError(
        fmt::format("coeval::multiprocessing::SharedMemory: {} bytes; give a size from 1 to {}",
                    size, std::numeric_limits<off_t>::max() / 2));
  }
  if (size < large) {
    return;
  }
  std::array<char, 4096> buffer{};
  const ssize_t filled = sys().read_file("/proc/meminfo", buffer.data(), buffer.size());
  const std::string_view text(buffer.data(), filled > 0 ? static_cast<std::size_t>(filled) : 0);
  const std::uint64_t available =
      bytes_in_line(text, "\nMemAvailable:") + bytes_in_line(text, "\nSwapFree:");
  if (available != 0 && size > available) {
    fail_memory(ENOMEM, fmt::format("{} bytes, and the machine has {} free", size, available));
  }
}

}  // namespace

// The open file and its place in this process; both end together.
class SharedMemory::Mapping {
 public:
  Mapping(FileDescriptor file, std::size_t size, std::string name)
      : file_(std::move(file)), size_(size), name_(std::move(name)) {
    int error = 0;
    address_ = sys().descriptor.map(size_, PROT_READ | PROT_WRITE, file_.get(), &error);
    if (address_ == nullptr) {
      fail_memory(error, fmt::format("mapping {} bytes: mmap", size_));
    }
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { sys().descriptor.unmap(address_, size_); }

  std::span<std::byte> bytes() const noexcept { return {static_cast<std::byte*>(address_), size_}; }
  const FileDescriptor& file() const noexcept { return file_; }
  const std::string& name() const noexcept { return name_; }

 private:
  FileDescriptor file_;
  std::size_t size_;
  std::string name_;
  void* address_ = nullptr;
};

namespace {

// Gives a file the pages that it lacks, so that touching them cannot fail later: in a file system
// that is full that would be SIGBUS.
void fill(const FileDescriptor& file, std::size_t size) {
  if (const int error = sys().descriptor.allocate(file.get(), 0, static_cast<off_t>(size))) {
    fail_memory(error, fmt::format("no room for {} bytes: fallocate", size));
  }
}

// The size and the pages of a new file. The size comes first, so that nobody attaches to a part.
void make(const FileDescriptor& file, std::size_t size) {
  if (const int error = sys().descriptor.truncate(file.get(), static_cast<off_t>(size))) {
    fail_memory(error, fmt::format("no file of {} bytes: ftruncate", size));
  }
  fill(file, size);
}

FileDescriptor open_named(const std::string& name, int flags) {
  const int fd = sys().descriptor.shared_open(("/" + name).c_str(), O_RDWR | flags, 0600);
  if (fd >= 0) {
    return FileDescriptor(fd);
  }
  if (fd == -EEXIST) {
    fail_memory(EEXIST,
                fmt::format("the name '{}' is in use; attach to it, or unlink it first", name));
  }
  if (fd == -ENOENT) {
    fail_memory(ENOENT,
                fmt::format("there is no memory with the name '{}'; create it first", name));
  }
  fail_memory(-fd, fmt::format("opening '{}'", name));
}

}  // namespace

SharedMemory::SharedMemory(std::shared_ptr<const Mapping> mapping) noexcept
    : mapping_(std::move(mapping)) {}

SharedMemory::SharedMemory(std::size_t size) {
  require_room(size);
  FileDescriptor file(-1);
  const int fd = sys().descriptor.memory_file("coeval");
  if (fd < 0) {
    fail_memory(-fd, "no memory file: memfd_create");
  }
  file.reset(fd);
  make(file, size);
  if (const int error = sys().descriptor.seal(file.get(), memory_seals)) {
    fail_memory(error, "sealing a memory file");
  }
  mapping_ = std::make_shared<const Mapping>(std::move(file), size, std::string());
}

SharedMemory SharedMemory::create(const std::string& name, std::size_t size) {
  require_name(name);
  require_room(size);
  FileDescriptor file = open_named(name, O_CREAT | O_EXCL);
  try {
    make(file, size);
    return SharedMemory(std::make_shared<const Mapping>(std::move(file), size, name));
  } catch (...) {
    sys().descriptor.shared_unlink(("/" + name).c_str());
    throw;
  }
}

SharedMemory SharedMemory::attach(const std::string& name) {
  require_name(name);
  FileDescriptor file = open_named(name, 0);
  const ssize_t size = sys().descriptor.size(file.get());
  if (size < 0) {
    fail_memory(static_cast<int>(-size), fmt::format("the size of '{}'", name));
  }
  if (size == 0) {
    throw InvalidStateError(
        fmt::format("coeval::multiprocessing::SharedMemory: '{}' has no size yet; its creator is "
                    "at work or died: try again, or unlink it",
                    name));
  }
  // Its creator may be at work still, or a program that leaves the pages to those who touch them.
  fill(file, static_cast<std::size_t>(size));
  return SharedMemory(
      std::make_shared<const Mapping>(std::move(file), static_cast<std::size_t>(size), name));
}

const SharedMemory::Mapping& SharedMemory::mapping() const {
  if (mapping_ == nullptr) {
    throw RuntimeError("coeval::multiprocessing::SharedMemory: this handle is closed");
  }
  return *mapping_;
}

std::span<std::byte> SharedMemory::bytes() const {
  return mapping().bytes();
}

const std::string& SharedMemory::name() const {
  return mapping().name();
}

void SharedMemory::unlink() {
  if (name().empty()) {
    throw RuntimeError(
        "coeval::multiprocessing::SharedMemory: unlink of memory without a name; it is freed with "
        "its last handle");
  }
  if (const int error = sys().descriptor.shared_unlink(("/" + name()).c_str())) {
    fail_memory(error, fmt::format("unlink of '{}'", name()));
  }
}

void SharedMemory::save(pickle::OutputArchive& archive) const {
  if (archive.requires_sealed() && !name().empty()) {
    throw PickleError(
        fmt::format("coeval::multiprocessing::SharedMemory: '{}' has a name, so its file can be "
                    "shrunk, and a task "
                    "of a process pool does not return that; return the name, and attach to it",
                    name()));
  }
  archive.attach(mapping().file());
  archive(name(), static_cast<std::uint64_t>(size()));
}

SharedMemory SharedMemory::load(pickle::InputArchive& archive) {
  FileDescriptor file = archive.detach();
  auto name = archive.read<std::string>();
  const auto size = archive.read<std::uint64_t>();
  // Only a memory file knows seals. One without a name must have those that keep its size.
  const int seals = sys().descriptor.seals(file.get());
  const bool is_sealed = seals >= 0 && (seals & memory_seals) == memory_seals;
  if (seals < 0 || (!is_sealed && (name.empty() || archive.requires_sealed()))) {
    throw PickleError(
        "coeval::multiprocessing::SharedMemory: the descriptor that came is no sealed memory file");
  }
  const ssize_t real_size = sys().descriptor.size(file.get());
  if (size == 0 || real_size < 0 || static_cast<std::uint64_t>(real_size) != size) {
    throw PickleError(fmt::format(
        "coeval::multiprocessing::SharedMemory: {} bytes were announced, and the file has {}", size,
        real_size));
  }
  try {
    if (!name.empty()) {
      require_name(name);
      fill(file, static_cast<std::size_t>(size));
    }
    return SharedMemory(std::make_shared<const Mapping>(
        std::move(file), static_cast<std::size_t>(size), std::move(name)));
  } catch (const ValueError& error) {
    throw PickleError(error.what());
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::permission_denied ||
        error.code() == std::errc::operation_not_permitted ||
        error.code() == std::errc::bad_file_descriptor) {
      throw PickleError(fmt::format(
          "coeval::multiprocessing::SharedMemory: what came cannot be written: {}", error.what()));
    }
    throw;
  }
}

std::string to_string(const SharedMemory& memory) {
  if (memory.closed()) {
    return "<SharedMemory closed>";
  }
  return memory.name().empty()
             ? fmt::format("<SharedMemory {} bytes>", memory.size())
             : fmt::format("<SharedMemory '{}' {} bytes>", memory.name(), memory.size());
}

}  // namespace coeval::multiprocessing
