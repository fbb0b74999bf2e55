#!/bin/sh
# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0

# build_and_run.sh CXX STAGE VERSION [--static]: a project with nothing but a compiler and pkg-config.
# shellcheck disable=SC2034,SC2086 # eval uses the variables; no --static is no argument
set -eu
compiler=$1
stage=$2
version=$3
static=${4:-}
source=$(dirname "$0")/../consumer.cpp

export PKG_CONFIG_PATH="$stage/lib/pkgconfig"
found=$(pkg-config --modversion coeval)
if [ "$found" != "$version" ]; then
  echo "coeval.pc says $found, not $version"
  exit 1
fi
# pkg-config escapes what the shell would split, for eval to read.
flags=$(pkg-config --cflags --libs $static coeval)
eval "\"\$compiler\" -std=c++20 \"\$source\" -o pkg_config_consumer $flags"
LD_LIBRARY_PATH="$stage/lib" ./pkg_config_consumer "$version"
