# SPDX-License-Identifier: Apache-2.0
# GRADUS_CUDA=SIM: the CUDA kernels run on the host. The files of kernels/cuda/ are compiled as C++
# against kernels/sim/, which has a <cuda_runtime.h> of its own.
#
# GRADUS_SIM_CHECKS=ON compiles them with access hooks (races, bounds, uninitialised reads); OFF is
# several times quicker and checks numbers, protocols and deadlocks only. The two never mix in one
# program: stores of kernels without hooks would look like memory that nothing has written.
option(GRADUS_SIM_CHECKS "Look at every memory access of simulated kernels" ON)

if(GRADUS_SANITIZE)
  message(FATAL_ERROR "GRADUS_SANITIZE=${GRADUS_SANITIZE}: the simulator takes the place of the "
                      "sanitizers' runtime; build them with GRADUS_CUDA=OFF")
endif()
find_package(Boost 1.74 REQUIRED COMPONENTS context)

# -O2 whatever the build type: at -O0 the hooks miss stores of structs that functions return. Line
# tables, so that reports name lines. The ABI note is about 64-byte parameters nobody else sees.
set(sim_kernel_options -O2 -g1 -Wno-psabi)
set(sim_kernel_definitions GRADUS_SIM_KERNEL=1)
if(GRADUS_SIM_CHECKS)
  list(APPEND sim_kernel_options -fsanitize=thread)
  list(APPEND sim_kernel_definitions GRADUS_SIM_HOOKED=1)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND sim_kernel_options --param=tsan-instrument-func-entry-exit=0)
  else()
    list(APPEND sim_kernel_options "SHELL:-mllvm -tsan-instrument-func-entry-exit=0")
  endif()
endif()

function(gradus_sim_kernels)
  set_source_files_properties(
    ${ARGN} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "${sim_kernel_options}"
                       COMPILE_DEFINITIONS "${sim_kernel_definitions}")
endfunction()

file(GLOB sim_sources CONFIGURE_DEPENDS kernels/sim/*.cpp)
# Half the time of a simulated kernel passes here, in every build type.
set_source_files_properties(${sim_sources} PROPERTIES COMPILE_OPTIONS "-O3;-g1")
set(sim_headers ${PROJECT_SOURCE_DIR}/kernels/sim/include)
file(GLOB sim_kernels CONFIGURE_DEPENDS kernels/cuda/*.cu)
file(GLOB sim_device CONFIGURE_DEPENDS engine/device/cuda/*.cpp)
gradus_sim_kernels(${sim_kernels})
set_source_files_properties(${sim_sources} ${sim_kernels} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
target_sources(gradus_library PRIVATE ${sim_sources} ${sim_kernels} ${sim_device})
# By file, and Boost for linking only: all others are compiled as without the simulator, so that
# ccache has them from the preset release.
set_source_files_properties(${sim_sources} ${sim_kernels} ${sim_device}
                            PROPERTIES INCLUDE_DIRECTORIES ${sim_headers})
target_link_libraries(gradus_library PUBLIC $<BUILD_INTERFACE:$<LINK_ONLY:Boost::context>>)

# Kernels that tests/sim/ brings along, with faults in them.
if(GRADUS_TESTS)
  file(GLOB sim_test_kernels CONFIGURE_DEPENDS tests/sim/*.cu)
  gradus_sim_kernels(${sim_test_kernels})
  add_library(gradus_sim_test_kernels OBJECT ${sim_test_kernels})
  target_include_directories(gradus_sim_test_kernels BEFORE PUBLIC ${sim_headers})
  target_link_libraries(gradus_sim_test_kernels PUBLIC gradus_options gradus_library)
endif()

# What nvcc makes of the same files, on machines that have it.
find_program(GRADUS_NVCC nvcc)
find_package(Python3 COMPONENTS Interpreter)
if(GRADUS_TESTS AND GRADUS_NVCC AND Python3_FOUND)
  add_test(NAME sim.ptxas COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/scripts/check_ptxas.py)
  set_tests_properties(sim.ptxas PROPERTIES LABELS "sim;nvcc" TIMEOUT 1800 SKIP_RETURN_CODE 77)
endif()
