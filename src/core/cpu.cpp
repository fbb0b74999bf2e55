// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/cpu.hpp>

#include <coeval/core/system.hpp>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <memory>

namespace coeval {
namespace {

// More processors than any kernel knows.
constexpr int most_cpus = 1 << 20;

struct FreeCpuSet {
  void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
};

// Processors, and how many bytes say which.
struct CpuSet {
  std::unique_ptr<cpu_set_t, FreeCpuSet> set;
  std::size_t size = 0;
};

CpuSet make_set(int cpus) noexcept {
  CpuSet made{std::unique_ptr<cpu_set_t, FreeCpuSet>(CPU_ALLOC(cpus)), CPU_ALLOC_SIZE(cpus)};
  if (made.set != nullptr) {
    CPU_ZERO_S(made.size, made.set.get());
  }
  return made;
}

// The affinity mask; without a set if the kernel does not tell.
CpuSet affinity_mask() noexcept {
  // The kernel refuses a mask that is shorter than its own, whose length it does not tell.
  for (int cpus = CPU_SETSIZE; cpus <= most_cpus; cpus *= 2) {
    CpuSet mask = make_set(cpus);
    if (mask.set == nullptr) {
      return {};
    }
    const int error = sys().affinity(mask.size, mask.set.get());
    if (error == 0) {
      return mask;
    }
    if (error != EINVAL) {
      return {};
    }
  }
  return {};
}

}  // namespace

int process_cpu_count() noexcept {
  const CpuSet mask = affinity_mask();
  return mask.set != nullptr ? std::max(1, CPU_COUNT_S(mask.size, mask.set.get())) : 1;
}

std::vector<int> process_cpus() {
  std::vector<int> cpus;
  const CpuSet mask = affinity_mask();
  for (std::size_t cpu = 0; cpu < 8 * mask.size; ++cpu) {
    if (CPU_ISSET_S(cpu, mask.size, mask.set.get())) {
      cpus.push_back(static_cast<int>(cpu));
    }
  }
  return cpus;
}

int usable_cpu_count() noexcept {
  const int processors = process_cpu_count();
  const double quota = std::ceil(cpu_quota());  // at least 1, as a quota is above 0
  return quota < processors ? static_cast<int>(quota) : processors;
}

int pin_this_thread(int cpu) noexcept {
  if (cpu < 0 || cpu >= most_cpus) {
    return EINVAL;
  }
  const CpuSet one = make_set(std::max(cpu + 1, CPU_SETSIZE));
  if (one.set == nullptr) {
    return ENOMEM;
  }
  CPU_SET_S(static_cast<std::size_t>(cpu), one.size, one.set.get());
  return sys().set_affinity(one.size, one.set.get());
}

}  // namespace coeval
