#!/bin/sh
# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0

# surroundings.sh PROGRAM LIBRARY CASE TEXT: puts both into folders as they would be installed, runs the
# program as the case says, and wants the text to be printed and nobody but the program to run main().
# Ends with 77 where the case cannot be: the reason is printed.
set -eu
program=$1 library=$2 case=$3 text=$4
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
chmod 755 "$folder"
mkdir "$folder/installed" "$folder/installed/bin" "$folder/installed/lib"
cp -- "$program" "$folder/installed/bin/program"
cp -- "$library" "$folder/installed/lib/"
cp -- "$library" "$folder/installed/lib/libplugin.so"
cd -- "$folder/installed"

skip() {
  echo "skipped: $1"
  exit 77
}
needs_root() {
  [ "$(id -u)" = 0 ] || skip "only root may do this: $case"
}
needs_privileges() {
  [ "$(as_nobody "$folder/installed/bin/program" is_privileged)" = yes ] ||
    skip "a program here has no privileges but its user's: $case"
}
as_nobody() {
  setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"
}

run_case() {
  case $case in
    plain | early | marked_by_itself | plugin | effective_user | unshared | as_child) bin/program "$case" ;;
    planted_mark) COEVAL_CHILD_OF=1 bin/program plain ;;
    own_mark) sh -c 'COEVAL_CHILD_OF=$$ exec bin/program plain' ;;
    set_user_id | capability) as_nobody "$folder/installed/bin/program" plain ;;
    loader) "$(bin/program interpreter)" bin/program elsewhere ;;
    loader_with_options)
      "$(LD_LIBRARY_PATH=lib bin/program interpreter)" --library-path lib --argv0 other \
        bin/program elsewhere
      ;;
    loader_deleted) "$(bin/program interpreter)" bin/program deleted ;;
    relative_libraries) LD_LIBRARY_PATH=lib bin/program elsewhere ;;
    unfindable) LD_LIBRARY_PATH=lib bin/program unfindable ;;
    renamed) cd bin && ./program renamed ;;
    outer_proc) unshare --pid --fork bin/program holder "$$" ;;
    *) echo "no such case: $case" && exit 1 ;;
  esac
}

case $case in
  set_user_id)
    needs_root
    chmod 4755 bin/program
    needs_privileges
    ;;
  capability)
    needs_root
    bin/program give_capability bin/program
    needs_privileges
    ;;
  effective_user) needs_root ;;
  unshared | outer_proc) unshare --pid --fork true 2>/dev/null || skip "no new PID namespace may be made" ;;
  early) export COEVAL_TEST_EARLY=1 ;;
esac

printed=$(run_case 2>&1) || true
case $printed in
  *"a child has run main()"*) echo "a child has run main(): $printed" && exit 1 ;;
  *"$text"*) ;;
  *) echo "it did not say '$text': $printed" && exit 1 ;;
esac
