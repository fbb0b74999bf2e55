# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0

# What only the developers of coeval get, never a project that uses it.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()

find_program(COEVAL_CCACHE ccache)
if(COEVAL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${COEVAL_CCACHE})
endif()

add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_compile_options(-Wthread-safety -Werror=thread-safety)
endif()
if(COEVAL_WERROR)
  add_compile_options(-Werror)
endif()

# Sanitizers are switched on by the presets; what runs under them gets more time.
set(coeval_time_factor 1)
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=")
  set(coeval_time_factor 4)
endif()

# What a part needs and does not find: said in one line, and the part is left out.
function(coeval_report_missing part package)
  message(STATUS "coeval: ${part} left out: ${package} not found")
endfunction()

include(${CMAKE_CURRENT_LIST_DIR}/header_check.cmake)
