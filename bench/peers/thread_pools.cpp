// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "peers/thread_pools.hpp"

namespace bench {

std::vector<PoolLibrary> pool_libraries() {
  return {
      {.name = "coeval", .start = start_coeval}, one_tbb(), boost_asio(), openmp(), std_async()};
}

}  // namespace bench
