# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0

# What only the developers of coeval get, never a project that uses it.

if(NOT CMAKE_CXX_STANDARD)
  set(CMAKE_CXX_STANDARD 20)
endif()
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

# So that ccache takes a precompiled header for the same one when it was made again.
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
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

# Instrumented templates take four times as long to optimise as to run; the library is optimised.
function(coeval_set_test_options target)
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=")
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

# Compiles the library for tests, a dozen of its files at a time, which takes a sixth of the time. So
# no two of its files may give one name to different things, not even in anonymous namespaces. The
# library of the release is compiled file by file.
function(coeval_compile_together target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
  # By a name in another file, and in what is not the main file of the compilation.
  target_compile_options(${target} PRIVATE
    -Wno-shadow $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endfunction()

# What a part needs and does not find: said in one line, and the part is left out.
function(coeval_report_missing part package)
  message(STATUS "coeval: ${part} left out: ${package} not found")
endfunction()

include(${CMAKE_CURRENT_LIST_DIR}/header_check.cmake)
