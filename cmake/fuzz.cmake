# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets from tests/fuzz/NAME_fuzz.cpp, for clang: preset `fuzz`. Each is a ctest test
# fuzz.NAME that starts from tests/fuzz/corpus/NAME and searches for GRADUS_FUZZ_SECONDS. For longer:
#   build/fuzz/NAME_fuzz -max_total_time=600 build/fuzz/corpus/NAME tests/fuzz/corpus/NAME
# New inputs go to the first folder; what is found goes to build/fuzz/findings. A finding, once
# understood, becomes one more file of tests/fuzz/corpus, which every build replays (replay.cmake).
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "GRADUS_FUZZ: expected clang, got ${CMAKE_CXX_COMPILER_ID}")
endif()
enable_testing()
set(GRADUS_FUZZ_SECONDS 15 CACHE STRING "How long the test of a fuzz target searches")
math(EXPR fuzz_timeout "${GRADUS_FUZZ_SECONDS} * 4 + 120")
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/findings)
file(GLOB fuzz_sources CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} tests/fuzz/*_fuzz.cpp)
add_custom_target(fuzz_tests)
foreach(source IN LISTS fuzz_sources)
  get_filename_component(target ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" name ${target})
  add_executable(${target} ${source})
  target_link_libraries(${target} PRIVATE gradus_options gradus_tools gradus_library -fsanitize=fuzzer)
  add_dependencies(fuzz_tests ${target})
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/corpus/${name})
  # A slow input counts as a finding too; memory is bounded, for a size from outside may ask for any.
  add_test(NAME fuzz.${name}
           COMMAND ${target} -max_total_time=${GRADUS_FUZZ_SECONDS} -timeout=20 -rss_limit_mb=3000
                   -print_final_stats=1 -artifact_prefix=${PROJECT_BINARY_DIR}/findings/${name}-
                   ${PROJECT_BINARY_DIR}/corpus/${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT ${fuzz_timeout}
                                               ENVIRONMENT "OMP_NUM_THREADS=1")
endforeach()
target_compile_options(gradus_library PRIVATE -fsanitize=fuzzer-no-link)
target_compile_options(gradus_tools PRIVATE -fsanitize=fuzzer-no-link)
