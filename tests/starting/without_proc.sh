#!/bin/sh
# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0

# without_proc.sh PROGRAM TEXT: where /proc is not mounted, the program must fail and print the text.
# Ends with 77 where one may not hide /proc.
set -eu
unshare --mount true 2>/dev/null || exit 77
# shellcheck disable=SC2016 # the inner shell expands it
if printed=$(unshare --mount sh -c 'mount -t tmpfs none /proc && exec "$0"' "$1"); then
  echo "succeeded, but must fail"
  exit 1
fi
case $printed in
  *"$2"*) ;;
  *)
    echo "failed as it must, but without saying '$2': $printed"
    exit 1
    ;;
esac
