// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// SharedMemory: bytes that several processes see at once.

#include <coeval/core/export.hpp>
#include <coeval/pickle/pickle.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace coeval::multiprocessing {

// A handle of memory that processes share. Without a name it travels: it can be pickled, so it goes
// to another process as an argument or over a connection, and both see the same bytes.
// With a name any process of the user finds it; Python's SharedMemory.
//
//   SharedMemory picture(width * height);          // zeroes
//   std::span<std::byte> bytes = picture.bytes();
//   connection.send(picture);                      // no byte is copied
//
//   auto table = SharedMemory::create("prices", 4096);   // another process: attach("prices")
//   table.unlink();                                      // the name is gone, the memory in use stays
//
// Copies are handles of the same memory, which is freed with the last handle of all processes; its
// pages are there from the start, so touching them never fails. A named memory is nobody's to clean
// up: its name stays until unlink() or the next boot of the machine, even after a crash.
//
// The handle is for one thread at a time; the bytes are shared without any protection: use a Lock,
// or SharedArray and Value. Nothing blocks.
//
// Unnamed memory is sealed: no process can shrink it, and what comes from another process is
// checked for that. Named memory cannot be sealed: whoever may open the name can shrink the file,
// and touching what is cut off ends the process with SIGBUS. So a task of a process pool cannot return
// it (PickleError): return the name.
class COEVAL_EXPORT SharedMemory {
 public:
  // No memory, as after close().
  SharedMemory() noexcept = default;

  // Unnamed memory of size bytes, all zero. Errors: ValueError if size is 0 or no file can be that
  // large; std::system_error: ENOMEM if it is more than the machine has free, ENOSPC, EMFILE.
  explicit SharedMemory(std::size_t size);

  // Makes memory with a name: 1 to 250 bytes without '/'. Errors: those above; ValueError for
  // another name; std::system_error with EEXIST if the name is in use.
  static SharedMemory create(const std::string& name, std::size_t size);

  // Memory that another process, or this one, has created. Errors: ValueError for an impossible
  // name; std::system_error with ENOENT if there is none, EACCES, ENOSPC if not all of it has memory
  // and there is none; InvalidStateError if its creator has not got so far as to give it a size.
  static SharedMemory attach(const std::string& name);

  // The memory; valid until the last handle of this process is gone. Writable through any handle,
  // as that of a shared pointer. Errors: RuntimeError if this handle is closed.
  std::span<std::byte> bytes() const;
  std::byte* data() const { return bytes().data(); }
  std::size_t size() const { return bytes().size(); }
  // Empty for unnamed memory. Errors: RuntimeError if this handle is closed.
  const std::string& name() const;

  // Lets go of the memory; copies of this handle keep it. Closing twice is allowed.
  void close() noexcept { mapping_.reset(); }
  bool closed() const noexcept { return mapping_ == nullptr; }
  explicit operator bool() const noexcept { return !closed(); }

  // Removes the name; those who have the memory keep it. Errors: RuntimeError for unnamed memory
  // or a closed handle; std::system_error with ENOENT if the name is gone already.
  void unlink();

  // Whether both are handles of the same mapping.
  friend bool operator==(const SharedMemory&, const SharedMemory&) = default;

  void save(pickle::OutputArchive& archive) const;
  // Errors: PickleError if what was sent is not such memory, or unnamed memory that is not sealed.
  static SharedMemory load(pickle::InputArchive& archive);

 private:
  class Mapping;

  explicit SharedMemory(std::shared_ptr<const Mapping> mapping) noexcept;
  const Mapping& mapping() const;

  std::shared_ptr<const Mapping> mapping_;
};

// "<SharedMemory 4096 bytes>", "<SharedMemory 'prices' 4096 bytes>", "<SharedMemory closed>".
COEVAL_EXPORT std::string to_string(const SharedMemory& memory);

}  // namespace coeval::multiprocessing
