# SPDX-License-Identifier: Apache-2.0
# Source files are found by glob: adding a file needs no edit here. CUDA's own folders are added by
# cuda.cmake and sim.cmake.
set(library_folders engine kernels ops models data training interop distributed)
list(TRANSFORM library_folders APPEND "/*.cpp" OUTPUT_VARIABLE library_globs)
file(GLOB_RECURSE GRADUS_SOURCES CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${library_globs})
set(GRADUS_CUDA_FOLDERS "^(kernels/(cuda|sim|common)|engine/device/cuda|distributed/nccl)/")
list(FILTER GRADUS_SOURCES EXCLUDE REGEX "${GRADUS_CUDA_FOLDERS}")
if(NOT GRADUS_ONEDNN)
  list(FILTER GRADUS_SOURCES EXCLUDE REGEX "^kernels/cpu/onednn/")
endif()

file(GLOB_RECURSE GRADUS_TOOL_SOURCES CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} tools/*.cpp)
list(REMOVE_ITEM GRADUS_TOOL_SOURCES tools/main.cpp)

# Optimisation and instruction set per file. The base is the platform's plain ABI: a file named
# *_avx2.cpp or *_avx512.cpp is entered only after a check of the running processor.
set(avx2_flags -mavx2 -mfma -mf16c)
set(avx512_flags -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mf16c)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 says so of its own intrinsics (_mm512_undefined_ps) wherever a sanitizer keeps them apart.
  list(APPEND avx512_flags -Wno-uninitialized -Wno-maybe-uninitialized)
endif()
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i[3-6]86)$")
  list(FILTER GRADUS_SOURCES EXCLUDE REGEX "_avx(2|512)\\.cpp$")
endif()
foreach(source IN LISTS GRADUS_SOURCES)
  set(flags "")
  if(source MATCHES "^kernels/cpu/" AND CMAKE_BUILD_TYPE STREQUAL "Release")
    list(APPEND flags -O3)
  endif()
  if(source MATCHES "^kernels/cpu/.*_avx2\\.cpp$")
    list(APPEND flags ${avx2_flags})
  elseif(source MATCHES "^kernels/cpu/.*_avx512\\.cpp$")
    list(APPEND flags ${avx512_flags})
  elseif(source STREQUAL "kernels/cpu/pointwise_reference.cpp")
    # Its expressions compute in whole numbers too, which wrap around as in PyTorch.
    list(APPEND flags -fwrapv)
  endif()
  if(source MATCHES "^kernels/")
    set_property(SOURCE ${source} PROPERTY SKIP_PRECOMPILE_HEADERS ON)
  endif()
  if(flags)
    set_property(SOURCE ${source} PROPERTY COMPILE_OPTIONS ${flags})
  endif()
endforeach()

include(op_list)
gradus_check_op_list(${PROJECT_SOURCE_DIR})
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ops/op_list.inc)

configure_file(cmake/version.h.in generated/engine/base/version.h @ONLY)
