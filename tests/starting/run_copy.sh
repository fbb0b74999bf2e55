#!/bin/sh
# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0

# run_copy.sh PROGRAM MODE: runs a copy of the program, by a relative path, in a folder of its own.
set -eu
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cp -- "$1" "$folder/program"
cd -- "$folder"
./program "$2"
