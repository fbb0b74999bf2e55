// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/cpu.hpp>

#include <coeval/core/system.hpp>

#include <cerrno>
#include <memory>

namespace coeval {
namespace {

struct FreeCpuSet {
  void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
};

}  // namespace

int process_cpu_count() noexcept {
  // The kernel refuses a mask that is shorter than its own, whose length it does not tell.
  for (int cpus = CPU_SETSIZE; cpus <= 1 << 20; cpus *= 2) {
    const std::unique_ptr<cpu_set_t, FreeCpuSet> set(CPU_ALLOC(cpus));
    if (set == nullptr) {
      return 1;
    }
    const std::size_t size = CPU_ALLOC_SIZE(cpus);
    CPU_ZERO_S(size, set.get());
    const int error = sys().affinity(size, set.get());
    if (error == 0) {
      const int count = CPU_COUNT_S(size, set.get());
      return count > 0 ? count : 1;
    }
    if (error != EINVAL) {
      return 1;
    }
  }
  return 1;
}

}  // namespace coeval
