// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// plugin_host PLUGIN: a program that knows nothing of coeval, and loads a library that does.

#include <dlfcn.h>

#include <cstdio>

int main(int argc, char** argv) {
  void* const plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW) : nullptr;
  if (plugin == nullptr) {
    std::puts(argc == 2 ? dlerror() : "which plug-in?");
    return 2;
  }
  const auto start_one = reinterpret_cast<int (*)()>(dlsym(plugin, "start_one"));
  return start_one != nullptr ? start_one() : 2;
}
