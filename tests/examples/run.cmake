# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0

# cmake -D EXPECTED=file.txt -P run.cmake -- program
# Runs the program, which must end well and, where the file exists, print exactly its text.

math(EXPR last "${CMAKE_ARGC} - 1")
set(program "${CMAKE_ARGV${last}}")

execute_process(COMMAND "${program}" RESULT_VARIABLE result
  OUTPUT_VARIABLE output ERROR_VARIABLE errors)
if(NOT result EQUAL 0)
  message("${output}${errors}")
  message(FATAL_ERROR "${program} ended with ${result}")
endif()
if(NOT EXISTS "${EXPECTED}")
  message("${output}${errors}")
  return()
endif()

set(printed "${program}.printed.txt")
file(WRITE "${printed}" "${output}")
execute_process(COMMAND diff -u --label expected --label printed "${EXPECTED}" "${printed}"
  RESULT_VARIABLE differs OUTPUT_VARIABLE difference ERROR_VARIABLE difference)
if(NOT differs EQUAL 0)
  message("${difference}${errors}")
  message(FATAL_ERROR "${program} does not print what ${EXPECTED} says")
endif()
