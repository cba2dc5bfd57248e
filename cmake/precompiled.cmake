# SPDX-License-Identifier: Apache-2.0
# Headers that nearly every file reads, compiled once for each target: a third of a cold build's
# time. With g++ alone; the build with clang, which goes without, shows what a file forgot to
# include. Kernels are compiled by other options and go without too.
option(GRADUS_PRECOMPILE "Precompile common headers (g++)" ON)
if(NOT GRADUS_PRECOMPILE OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  function(gradus_precompile target)
  endfunction()
  function(gradus_reuse_precompiled target from)
  endfunction()
  return()
endif()

set(library_headers
    <algorithm> <cmath> <functional> <map> <memory> <span> <string> <vector> <fmt/format.h>
    ${PROJECT_SOURCE_DIR}/engine/base/error.h ${PROJECT_SOURCE_DIR}/engine/graph/graph.h
    ${PROJECT_SOURCE_DIR}/engine/op/op.h)

# gradus_precompile(TARGET [HEADER...]): the library's headers and some more.
function(gradus_precompile target)
  target_compile_options(${target} PRIVATE -fpch-preprocess)
  target_precompile_headers(${target} PRIVATE ${library_headers} ${ARGN})
endfunction()

# With what `from`, a library, has: code of the same kind (-fPIC, where programs would have -fPIE).
function(gradus_reuse_precompiled target from)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fpch-preprocess -fPIC)
  target_precompile_headers(${target} REUSE_FROM ${from})
endfunction()
