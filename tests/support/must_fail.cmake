# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0

# cmake [-D EXPECT=text] [-D SOURCE=file.cpp] -P must_fail.cmake -- command argument...
# Runs the command, which must fail and must print the EXPECTed text, and each text that stands after
# "// expect: " in the SOURCE.

set(command)
set(is_argument FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(index RANGE ${last})
  if(is_argument)
    list(APPEND command "${CMAKE_ARGV${index}}")
  elseif(CMAKE_ARGV${index} STREQUAL "--")
    set(is_argument TRUE)
  endif()
endforeach()

set(expected "${EXPECT}")
if(SOURCE)
  file(STRINGS "${SOURCE}" expected REGEX "^// expect: ")
  list(TRANSFORM expected REPLACE "^// expect: " "")
  if(NOT expected)
    message(FATAL_ERROR "${SOURCE}: no line begins with '// expect: '")
  endif()
endif()

set(ENV{LC_ALL} C)
execute_process(COMMAND ${command} RESULT_VARIABLE result
  OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(result EQUAL 0)
  message("${output}")
  message(FATAL_ERROR "succeeded, but must fail: ${command}")
endif()
foreach(text IN LISTS expected)
  string(FIND "${output}" "${text}" place)
  if(place EQUAL -1)
    message("${output}")
    message(FATAL_ERROR "failed as it must, but without saying '${text}'")
  endif()
endforeach()
