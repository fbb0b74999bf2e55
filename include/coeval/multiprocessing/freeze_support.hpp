// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/core/export.hpp>

namespace coeval::multiprocessing {

// For the few programs that the library cannot take over by itself: as the first line of main(), in
// a child that a Process started it runs the target and ends the child; in any other process it
// returns at once.
//
//   int main() {
//     coeval::multiprocessing::freeze_support();
//     …
//   }
//
// Needed in a program that is linked with -static, where starting a Process raises a RuntimeError
// that names this function; harmless elsewhere. As Python's function of this name.
COEVAL_EXPORT void freeze_support();

}  // namespace coeval::multiprocessing
