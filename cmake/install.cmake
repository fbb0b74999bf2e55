# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0

# Installs the library, its headers, a CMake package (find_package(coeval)) and a pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/coeval)

install(TARGETS coeval EXPORT coevalTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/coeval DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT coevalTargets NAMESPACE coeval:: DESTINATION ${package_folder})

configure_package_config_file(cmake/coevalConfig.cmake.in coevalConfig.cmake
  INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(coevalConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/coevalConfig.cmake ${PROJECT_BINARY_DIR}/coevalConfigVersion.cmake
  DESTINATION ${package_folder})

# The .pc file finds its prefix from its own place, so an installed tree can be moved.
file(RELATIVE_PATH pkgconfig_to_prefix
  /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/coeval.pc.in coeval.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/coeval.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
