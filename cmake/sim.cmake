# SPDX-License-Identifier: Apache-2.0
# GRADUS_CUDA=SIM: the CUDA kernels run on the host. The files of kernels/cuda/ are compiled as C++
# against kernels/sim/, which has a <cuda_runtime.h> of its own.
#
# GRADUS_SIM_CHECKS=ON compiles them with access hooks (races, bounds, uninitialised reads); OFF is
# several times quicker and checks numbers, protocols and deadlocks only. The two must not mix in
# one program.
option(GRADUS_SIM_CHECKS "Look at every memory access of simulated kernels" ON)

find_package(Boost 1.74 REQUIRED COMPONENTS context)

file(GLOB GRADUS_SIM_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/sim/*.cpp)
add_library(gradus_sim STATIC ${GRADUS_SIM_SOURCES})
target_link_libraries(gradus_sim PUBLIC gradus_options Boost::context)
target_include_directories(gradus_sim BEFORE PUBLIC ${PROJECT_SOURCE_DIR}/kernels/sim/include)
target_compile_definitions(gradus_sim PUBLIC GRADUS_SIM=1)
# Half the time of a simulated kernel is spent here, whatever the build type.
target_compile_options(gradus_sim PRIVATE -O3 -g1)

# gradus_sim_kernels(<target> <source>...): an object library of kernel files.
function(gradus_sim_kernels target)
  set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX)
  add_library(${target} OBJECT ${ARGN})
  target_link_libraries(${target} PUBLIC gradus_sim)
  # -O2: at -O0 the hooks miss stores of structs that functions return. No ABI note for the
  # 64-byte parameters, and no warning for accumulators the model leaves unset on purpose.
  target_compile_options(${target} PRIVATE -x c++ -O2 -g1 -Wno-psabi)
  target_compile_definitions(${target} PRIVATE GRADUS_SIM_KERNEL=1)
  if(GRADUS_SIM_CHECKS)
    target_compile_options(${target} PRIVATE -fsanitize=thread)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE --param tsan-instrument-func-entry-exit=0)
    else()
      target_compile_options(${target} PRIVATE -mllvm -tsan-instrument-func-entry-exit=0)
    endif()
    target_compile_definitions(${target} PRIVATE GRADUS_SIM_HOOKED=1)
  endif()
endfunction()
