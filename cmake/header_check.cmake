# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0

# coeval_add_header_check(NAME FOLDER...): a target NAME, not part of "all", that compiles each header
# under the folders alone and twice over, warnings being errors, and then all of them together.
function(coeval_add_header_check name)
  set(sources)
  set(all_includes)
  foreach(folder IN LISTS ARGN)
    file(GLOB_RECURSE headers RELATIVE ${folder} CONFIGURE_DEPENDS ${folder}/*.hpp)
    foreach(header IN LISTS headers)
      set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}/${header}.cpp)
      file(CONFIGURE OUTPUT ${source} CONTENT "#include <${header}>\n#include <${header}>\n")
      list(APPEND sources ${source})
      string(APPEND all_includes "#include <${header}>\n")
    endforeach()
  endforeach()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}/all_headers.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "${all_includes}")
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${sources} ${source})
  target_include_directories(${name} PRIVATE ${ARGN})
  target_compile_options(${name} PRIVATE -Werror)
endfunction()
