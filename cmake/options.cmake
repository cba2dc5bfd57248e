# SPDX-License-Identifier: Apache-2.0
# How our own code is compiled: `gradus_options` carries it and is never installed.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# -O2 everywhere keeps the cold build short; kernels/cpu gets -O3 in sources.cmake.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1 -fno-omit-frame-pointer")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")

find_program(GRADUS_CCACHE ccache)
if(GRADUS_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # What the build folders of several presets share is compiled once; precompiled headers need the
  # sloppiness (ccache hashes the precompiled file, not the headers in it).
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${GRADUS_CCACHE})
endif()

include(GNUInstallDirs)

add_library(gradus_options INTERFACE)
target_compile_options(
  gradus_options
  INTERFACE -Wall -Wextra -Werror -Wno-unknown-pragmas
            # Same bits on every path: no contraction behind our back (explicit fma where it pays).
            -ffp-contract=off
            # Nothing here reads errno or floating-point traps, and both block vectorisation.
            -fno-math-errno -fno-trapping-math)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # A loop marked `omp simd` that stays scalar is no defect.
  target_compile_options(gradus_options INTERFACE -Wno-pass-failed)
endif()

# ThreadSanitizer misreads libgomp, and clang's -fopenmp would bring libomp beside oneDNN's libgomp:
# both build on std::thread and without oneDNN.
set(GRADUS_STD_THREADS OFF)
if(GRADUS_SANITIZE STREQUAL "thread" OR CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  set(GRADUS_STD_THREADS ON)
endif()

if(GRADUS_SANITIZE STREQUAL "address")
  set(sanitizer_flags -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(GRADUS_SANITIZE STREQUAL "thread")
  set(sanitizer_flags -fsanitize=thread)
elseif(NOT GRADUS_SANITIZE STREQUAL "")
  message(FATAL_ERROR "GRADUS_SANITIZE: expected address, thread or empty, got ${GRADUS_SANITIZE}")
endif()
if(GRADUS_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Instrumented code confuses this warning; the plain builds have it.
  target_compile_options(gradus_options INTERFACE -Wno-maybe-uninitialized)
  # Lines are what a report needs; the rest of -g is a fifth of the compiler's time.
  target_compile_options(gradus_options INTERFACE -g1)
endif()
# Everything in the build, GoogleTest included, gets them.
add_compile_options(${sanitizer_flags})
add_link_options(${sanitizer_flags})
