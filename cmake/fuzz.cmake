# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets from tests/fuzz/NAME_fuzz.cpp, for clang:
#   cmake --preset clang -DGRADUS_FUZZ=ON -DGRADUS_SANITIZE=address
#   ninja -C build/clang fuzz && build/clang/safetensors_fuzz -max_total_time=60
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "GRADUS_FUZZ: expected clang, got ${CMAKE_CXX_COMPILER_ID}")
endif()
file(GLOB fuzz_sources CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} tests/fuzz/*_fuzz.cpp)
add_custom_target(fuzz)
foreach(source IN LISTS fuzz_sources)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE gradus_options gradus_tools gradus_library -fsanitize=fuzzer)
  add_dependencies(fuzz ${name})
endforeach()
target_compile_options(gradus_library PRIVATE -fsanitize=fuzzer-no-link)
target_compile_options(gradus_tools PRIVATE -fsanitize=fuzzer-no-link)
