// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The numbers that a process pool gives to code, so that a task need not spell its functions out:
// see number_of_code() and code_of_number().

#include <coeval/pickle/archive.hpp>

#include <cstdint>

namespace coeval::detail {

// The number and the place of code, for a worker to learn. Errors: as number_of_code().
void write_numbered_code(pickle::OutputArchive& archive, std::uint32_t number);

// While it lives, code_of_number() means this process's own numbers in this thread.
class OwnCodes {
 public:
  OwnCodes() noexcept;
  OwnCodes(const OwnCodes&) = delete;
  OwnCodes& operator=(const OwnCodes&) = delete;
  ~OwnCodes();
};

// In a worker: learns what write_numbered_code() wrote. Errors: PickleError.
void learn_numbered_code(pickle::InputArchive& archive);

}  // namespace coeval::detail
