# SPDX-License-Identifier: Apache-2.0
# Each tests/**/NAME_test.cpp is one executable; each of its cases is one ctest test, named
# FOLDER_NAME_test.Suite.Case and labelled `host` (or `sim` for tests/sim, built in the simulator's
# build only). Targets host_tests and sim_tests build all of a kind.
include(GoogleTest)

file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} tests/*_test.cpp)
if(NOT GRADUS_CUDA STREQUAL "SIM")
  list(FILTER test_sources EXCLUDE REGEX "^tests/sim/")
endif()

# What several tests share.
file(GLOB_RECURSE support_sources CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} tests/support/*.cpp)
add_library(gradus_test_support STATIC ${support_sources})
target_link_libraries(gradus_test_support PUBLIC gradus_options gradus_library GTest::gtest_main)
if(GRADUS_SANITIZE)
  # Optimising a test's own code is half the compiler's time there, and what is tested is elsewhere.
  target_compile_options(gradus_test_support PUBLIC -O0)
endif()
gradus_precompile(gradus_test_support <gtest/gtest.h>)
set_source_files_properties(
  tests/support/program.cpp
  PROPERTIES SKIP_PRECOMPILE_HEADERS ON
             COMPILE_DEFINITIONS
             "GRADUS_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\";GRADUS_PROGRAM=\"$<TARGET_FILE:gradus>\"")

# What the sanitizer builds of CI run (labels asan and tsan): what reads bytes from outside, and what
# is threaded. `scripts/check.sh --all` runs everything under both.
set(asan_folders "engine|data|interop|training|tools")
set(tsan_tests "engine/")

set(seconds_per_test 300)
if(GRADUS_SANITIZE)
  set(seconds_per_test 1200)
endif()
# Parallel tests whose threads busy-wait starve each other, hence one thread unless a test asks for
# more, and sleeping waits for those that do (a test of 3 s took 34 s beside a compiler);
# ThreadSanitizer has nothing to see in one.
set(threads_per_test 1)
if(GRADUS_SANITIZE STREQUAL "thread")
  set(threads_per_test 3)
endif()

foreach(label IN ITEMS host sim asan tsan)
  add_custom_target(${label}_tests)
endforeach()

function(gradus_add_test source)
  string(REGEX REPLACE "^tests/(.*)\\.cpp$" "\\1" name ${source})
  string(REPLACE "/" "_" name ${name})
  set(labels host)
  if(source MATCHES "^tests/sim/")
    set(labels sim)
  endif()
  if(source MATCHES "^tests/(${asan_folders})/")
    list(APPEND labels asan)
  endif()
  if(source MATCHES "^tests/(${tsan_tests})")
    list(APPEND labels tsan)
  endif()

  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE gradus_test_support)
  if(source MATCHES "^tests/sim/")
    target_link_libraries(${name} PRIVATE gradus_sim_test_kernels)
  endif()
  # Only tests that run or include commands wait for them to be built.
  file(STRINGS ${source} program_uses REGEX "support/program.h")
  if(program_uses)
    add_dependencies(${name} gradus)
  endif()
  file(STRINGS ${source} tool_uses REGEX "#include \"tools/")
  if(tool_uses)
    target_link_libraries(${name} PRIVATE gradus_tools)
  endif()
  gradus_reuse_precompiled(${name} gradus_test_support)
  foreach(label IN LISTS labels)
    add_dependencies(${label}_tests ${name})
  endforeach()
  gtest_discover_tests(
    ${name}
    TEST_PREFIX ${name}.
    NO_PRETTY_VALUES  # keeps names free of `# GetParam() = ...`
    TEST_LIST ${name}_cases
    DISCOVERY_TIMEOUT 120
    PROPERTIES TIMEOUT ${seconds_per_test})
  # PROPERTIES above takes no list: lists are given where ctest reads the cases.
  set(environment OMP_NUM_THREADS=${threads_per_test} OMP_WAIT_POLICY=passive)
  set(labels_file ${PROJECT_BINARY_DIR}/labels/${name}.cmake)
  file(CONFIGURE OUTPUT ${labels_file} @ONLY CONTENT [[
if(@name@_cases)
  set_tests_properties(${@name@_cases} PROPERTIES LABELS "@labels@" ENVIRONMENT "@environment@")
endif()
]])
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${labels_file})
endfunction()

foreach(source IN LISTS test_sources)
  gradus_add_test(${source})
endforeach()
