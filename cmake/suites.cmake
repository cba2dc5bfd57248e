# SPDX-License-Identifier: Apache-2.0
# Suites that disturb the program from outside, each a ctest test suite.NAME in a short form; the
# whole form is the script without its limit. Sanitizers and LD_PRELOAD do not go together.
if(GRADUS_SANITIZE OR GRADUS_CUDA STREQUAL "SIM" OR NOT TARGET gradus OR NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_library(file_faults MODULE tests/suites/file_faults/file_faults.cpp)
target_link_libraries(file_faults PRIVATE gradus_options ${CMAKE_DL_LIBS})
add_dependencies(host_tests file_faults gradus)

foreach(suite IN ITEMS "kill_resume --kills 8" "save_faults --faults 25" "typos --count 25" "rows"
                "recipes --short")
  separate_arguments(words UNIX_COMMAND ${suite})
  list(POP_FRONT words name)
  add_test(NAME suite.${name}
           COMMAND ${Python3_EXECUTABLE} tests/suites/${name}.py --program $<TARGET_FILE:gradus>
                   --shim $<TARGET_FILE:file_faults> ${words}
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  # rows and recipes skip, and say so, where there are no data.
  set_tests_properties(suite.${name} PROPERTIES LABELS host TIMEOUT 600 SKIP_RETURN_CODE 77
                                                ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1;OMP_WAIT_POLICY=passive")
endforeach()
