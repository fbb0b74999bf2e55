// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The file that a part of this process's memory is of.

#include <cstdint>
#include <string>

namespace coeval::multiprocessing::detail {

// Its path as the kernel knows it: absolute, and the one of now if the file or a folder above it was
// renamed. Empty if there is none, if the file was deleted, or without /proc.
std::string mapped_file(std::uintptr_t address);

}  // namespace coeval::multiprocessing::detail
