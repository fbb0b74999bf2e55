// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A library that the program of this folder is linked with, and that is loaded as a plug-in too.

extern "C" {
[[noreturn]] void library_end_with_seven();
int library_twice(int n);
int library_crash(int n);
}
