// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/machine.hpp"

#include <coeval/core/cpu.hpp>

#include <fmt/format.h>

#include <stdlib.h>
#include <sys/utsname.h>

#include <fstream>
#include <string_view>

namespace bench {
namespace {

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      return line.substr(line.find(':') + 2);
    }
  }
  return "unknown processor";
}

std::string compiler() {
#if defined(__clang__)
  return fmt::format("clang {}.{}", __clang_major__, __clang_minor__);
#else
  return fmt::format("g++ {}.{}", __GNUC__, __GNUC_MINOR__);
#endif
}

}  // namespace

std::string machine_line() {
  utsname system{};
  uname(&system);
  double load = 0;
  getloadavg(&load, 1);
  return fmt::format("{} CPUs ({}), {} {}, {}, load {:.1f}", coeval::process_cpu_count(),
                     processor(), system.sysname, system.release, compiler(), load);
}

}  // namespace bench
