// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/processes/exchange/setup.hpp"

#include <coeval/executors/detail/process_call.hpp>
#include <coeval/multiprocessing/detail/target.hpp>
#include <coeval/pickle/pickle.hpp>

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <string>
#include <system_error>
#include <utility>

namespace coeval::detail {
namespace {

// What the options say of a process.
struct Settings {
  WorkerRules rules;
  int nice = 0;
  std::string working_directory;
  std::map<std::string, std::string> environment;
  bool has_initializer = false;
};

void require(bool done, const char* call) {
  if (!done) {
    throw std::system_error(errno, std::generic_category(),
                            std::string("coeval::ProcessPoolExecutor: a worker's ") + call);
  }
}

// Before any code of the initializer's module runs, and before any other thread.
void set_environment(const Settings& settings) {
  for (const auto& [name, value] : settings.environment) {
    // There is no other thread yet.
    const int failed = ::setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    require(failed == 0, "environment: setenv");
  }
}

// Before the initializer.
void apply(const Settings& settings) {
  if (!settings.working_directory.empty()) {
    require(::chdir(settings.working_directory.c_str()) == 0, "working_directory: chdir");
  }
  if (settings.nice != 0) {
    errno = 0;
    require(::nice(settings.nice) != -1 || errno == 0, "nice value: nice");
  }
  if (const std::uint64_t most = settings.rules.memory.limit; most != 0) {
    const rlimit limit{.rlim_cur = most, .rlim_max = most};
    require(::setrlimit(RLIMIT_DATA, &limit) == 0, "memory_limit: setrlimit");
  }
}

}  // namespace

WorkerSetup make_setup(const ProcessPoolOptions& options, pickle::Parcel initializer) {
  pickle::OutputArchive archive;
  const MemoryRules memory{.limit = options.memory_limit,
                           .recycle_above = options.recycle_above.value_or(0),
                           .is_default = !options.recycle_above};
  archive(Settings{.rules = {.memory = memory, .max_result_size = options.max_result_size},
                   .nice = options.nice,
                   .working_directory = options.working_directory,
                   .environment = options.environment,
                   .has_initializer = !initializer.bytes.empty()});
  archive.append(initializer.bytes.data(), initializer.bytes.size());
  return {.bytes = archive.take().bytes,
          .descriptors = std::move(initializer.descriptors),
          .max_result_size = options.max_result_size};
}

WorkerRules set_up(pickle::InputArchive& archive) {
  const auto settings = archive.read<Settings>();
  set_environment(settings);
  // Found, and loaded if need be, before the working directory is another one.
  multiprocessing::detail::Entry initializer = nullptr;
  if (settings.has_initializer) {
    initializer = reinterpret_cast<multiprocessing::detail::Entry>(
        multiprocessing::detail::read_code(archive));
  }
  apply(settings);
  if (initializer != nullptr) {
    initializer(archive);
  }
  return settings.rules;
}

}  // namespace coeval::detail
