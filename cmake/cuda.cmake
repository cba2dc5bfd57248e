# SPDX-License-Identifier: Apache-2.0
# GRADUS_CUDA=ON: the CUDA kernels are compiled with nvcc, for sm_80 (which 86 and 89 use too) and
# for sm_90a.
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES "80-real;90a-real")
endif()
if(GRADUS_CCACHE AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${GRADUS_CCACHE})
endif()
enable_language(CUDA)
find_package(CUDAToolkit 13.0 REQUIRED)

file(GLOB cuda_kernels CONFIGURE_DEPENDS kernels/cuda/*.cu)
file(GLOB cuda_device CONFIGURE_DEPENDS engine/device/cuda/*.cpp)

# A library of its own: gradus_options are the host compiler's.
add_library(gradus_cuda_kernels OBJECT ${cuda_kernels})
target_include_directories(gradus_cuda_kernels PRIVATE ${PROJECT_SOURCE_DIR})
# CMake 3.25 does not know C++20 for nvcc, hence the plain flag. nvcc's front end takes no
# `consteval` from fmt 9 and then misses that its checks are constexpr.
target_compile_options(
  gradus_cuda_kernels
  PRIVATE -std=c++20 -O3 -lineinfo -Xcompiler=-Wall,-Wextra -Werror=all-warnings -Xptxas=-v)
target_compile_definitions(gradus_cuda_kernels PRIVATE FMT_CONSTEVAL= FMT_USE_CONSTEXPR=1)
set_target_properties(gradus_cuda_kernels PROPERTIES CUDA_STANDARD_REQUIRED OFF
                                                     POSITION_INDEPENDENT_CODE ON)
target_link_libraries(gradus_cuda_kernels PRIVATE fmt::fmt)

target_sources(gradus_library PRIVATE ${cuda_device} $<TARGET_OBJECTS:gradus_cuda_kernels>)
# Never -lcuda: a program linked to it does not start on a machine without a driver.
target_link_libraries(gradus_library PUBLIC $<BUILD_INTERFACE:CUDA::cudart_static>)
