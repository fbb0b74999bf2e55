// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a function is named to another process of the same program: by its place in its module (the
// program or a shared library), since modules lie elsewhere in each process.

#include <coeval/core/export.hpp>
#include <coeval/pickle/archive.hpp>

namespace coeval::multiprocessing::detail {

using Code = void (*)();

// Errors: PickleError if the address lies in no module (code made at run time).
COEVAL_EXPORT void write_code(pickle::OutputArchive& archive, Code code);

// Loads the module if this process does not have it. For bytes from this program's own parent only:
// whoever can choose them chooses what runs. Errors: PickleError if the module is not the same one,
// or the place is none of its code.
COEVAL_EXPORT Code read_code(pickle::InputArchive& archive);

}  // namespace coeval::multiprocessing::detail
