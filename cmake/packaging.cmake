# SPDX-License-Identifier: Apache-2.0
# Install rules, find_package(gradus), and CPack's .tgz and .deb.
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/gradus)
install(TARGETS gradus_library EXPORT gradus_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT gradus_targets NAMESPACE gradus:: FILE gradusTargets.cmake
        DESTINATION ${package_folder})
configure_package_config_file(cmake/gradusConfig.cmake.in gradusConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(gradusConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/gradusConfig.cmake ${PROJECT_BINARY_DIR}/gradusConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/FindDnnl.cmake DESTINATION ${package_folder})

# Headers keep their paths, so `#include "engine/base/shape.h"` means the same inside and out.
set(header_root ${CMAKE_INSTALL_INCLUDEDIR}/gradus)
foreach(folder IN ITEMS engine ops models data training)
  if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${folder})
    install(DIRECTORY ${folder} DESTINATION ${header_root} FILES_MATCHING
            PATTERN "*.h" PATTERN "*.inc" PATTERN "engine/device/cuda" EXCLUDE
            PATTERN "data/cache" EXCLUDE)
  endif()
endforeach()
file(GLOB kernel_headers CONFIGURE_DEPENDS kernels/*.h kernels/*.inc)
install(FILES ${kernel_headers} DESTINATION ${header_root}/kernels)
install(FILES ${PROJECT_BINARY_DIR}/generated/engine/base/version.h
        DESTINATION ${header_root}/engine/base)

if(TARGET gradus)
  install(TARGETS gradus RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  # The program writes its own manual and completion scripts.
  set(manual ${PROJECT_BINARY_DIR}/manual)
  add_custom_command(
    OUTPUT ${manual}/complete
    COMMAND ${CMAKE_COMMAND} -E make_directory ${manual}/man1
    COMMAND gradus man --output ${manual}/man1
    COMMAND gradus completion bash > ${manual}/gradus
    COMMAND gradus completion zsh > ${manual}/_gradus
    COMMAND gradus completion fish > ${manual}/gradus.fish
    COMMAND ${CMAKE_COMMAND} -E touch ${manual}/complete
    DEPENDS gradus VERBATIM)
  add_custom_target(manual ALL DEPENDS ${manual}/complete)
  install(DIRECTORY ${manual}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(FILES ${manual}/gradus DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${manual}/_gradus DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${manual}/gradus.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
install(DIRECTORY recipes DESTINATION ${CMAKE_INSTALL_DATADIR}/gradus FILES_MATCHING PATTERN "*.toml")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

set(CPACK_PACKAGE_NAME gradus)
set(CPACK_PACKAGE_VENDOR "The Gradus authors")
set(CPACK_PACKAGE_CONTACT "The Gradus authors <gradus@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_GENERATOR TGZ DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Only who compiles against the library needs these.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS
    "g++, cmake, libfmt-dev, zlib1g-dev, libpng-dev, libjpeg62-turbo-dev, libpcre2-dev, libutf8proc-dev")
if(GRADUS_ONEDNN)
  string(APPEND CPACK_DEBIAN_PACKAGE_SUGGESTS ", libdnnl-dev")
endif()
include(CPack)
