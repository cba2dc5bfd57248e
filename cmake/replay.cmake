# SPDX-License-Identifier: Apache-2.0
# Each fuzz target tests/fuzz/NAME_fuzz.cpp gets the files of tests/fuzz/corpus/NAME once, with any
# compiler: a ctest test replay.NAME, labelled host and asan. cmake/fuzz.cmake searches for more.
file(GLOB fuzz_sources CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} tests/fuzz/*_fuzz.cpp)
foreach(source IN LISTS fuzz_sources)
  get_filename_component(target ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" name ${target})
  add_executable(replay_${name} ${source} tests/fuzz/replay.cpp)
  target_link_libraries(replay_${name} PRIVATE gradus_options gradus_tools gradus_library)
  foreach(label IN ITEMS host asan)
    add_dependencies(${label}_tests replay_${name})
  endforeach()
  add_test(NAME replay.${name}
           COMMAND replay_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  set_tests_properties(replay.${name} PROPERTIES LABELS "host;asan" TIMEOUT ${seconds_per_test}
                                                 ENVIRONMENT "OMP_NUM_THREADS=1")
endforeach()
