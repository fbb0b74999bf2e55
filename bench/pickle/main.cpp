// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// dumps() and loads() beside cereal, Boost.Serialization and msgpack.

#include "pickle/rows.hpp"

int main(int argc, char** argv) {
  return bench::run_suite(
      "pickle", {bench::number_rows, bench::text_rows, bench::struct_rows, bench::map_rows}, argc,
      argv);
}
