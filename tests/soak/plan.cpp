// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "soak/plan.hpp"

#include "support/sanitizers.hpp"

#include <bit>
#include <cstdlib>
#include <random>

namespace soak {
namespace {

// The number in the environment, or none: 0.
std::uint64_t number_of(const char* variable) {
  const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 0);
}

std::uint64_t chance() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U | device()) | 1U;
}

}  // namespace

std::size_t Dice::size_up_to(std::size_t most) noexcept {
  const auto bits = below(static_cast<std::uint64_t>(std::bit_width(most)) + 1);
  return static_cast<std::size_t>(below((std::uint64_t{1} << bits)) % (most + 1));
}

std::size_t Dice::mixed_size() noexcept {
  switch (below(100)) {
    case 0:
      return size_up_to(3'000'000);
    case 1:
    case 2:
    case 3:
    case 4:
      return size_up_to(200'000);
    default:
      return size_up_to(2'000);
  }
}

Plan Plan::from_environment(Share share, long tasks, long kills) {
  Plan plan;
  plan.seed = number_of("COEVAL_SOAK_SEED");
  plan.seed = plan.seed == 0 ? chance() : plan.seed;
  const auto of_all = [](int part, const char* variable, long otherwise) {
    const std::uint64_t all = number_of(variable);
    return all == 0 ? otherwise / (support::under_sanitizer ? 10 : 1)
                    : static_cast<long>(all / 100 * static_cast<std::uint64_t>(part));
  };
  plan.tasks = of_all(share.tasks, "COEVAL_SOAK_TASKS", tasks);
  plan.kills = of_all(share.kills, "COEVAL_SOAK_KILLS", kills);
  plan.is_long = number_of("COEVAL_SOAK_TASKS") != 0;
  return plan;
}

std::string how_to_replay(const Plan& plan) {
  std::string text = "COEVAL_SOAK_SEED=" + std::to_string(plan.seed);
  for (const char* const variable : {"COEVAL_SOAK_TASKS", "COEVAL_SOAK_KILLS"}) {
    if (const std::uint64_t number = number_of(variable); number != 0) {
      text += std::string(" ") + variable + "=" + std::to_string(number);
    }
  }
  return text;
}

}  // namespace soak
