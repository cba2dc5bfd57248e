# SPDX-License-Identifier: Apache-2.0
# Rules about the tree itself, each a ctest test gate.NAME with the labels host and gate. They look
# at files, so one ordinary build runs them and sanitizer builds do not repeat it.
if(GRADUS_SANITIZE OR GRADUS_CUDA STREQUAL "SIM" OR NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# gradus_add_gate(NAME COMMAND...): further properties by set_tests_properties(gate.NAME ...).
function(gradus_add_gate name)
  add_test(NAME gate.${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(gate.${name} PROPERTIES LABELS "host;gate" TIMEOUT 1200
                                               ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1;OMP_WAIT_POLICY=passive")
endfunction()

set(gates ${PROJECT_SOURCE_DIR}/scripts/gates)
foreach(gate IN ITEMS format includes kernels page_code size habits)
  gradus_add_gate(${gate} ${Python3_EXECUTABLE} ${gates}/check_${gate}.py)
endforeach()
gradus_add_gate(ledger ${Python3_EXECUTABLE} ${gates}/check_ledger.py --build ${PROJECT_BINARY_DIR})
if(TARGET gradus)
  gradus_add_gate(ops ${Python3_EXECUTABLE} ${gates}/check_ops.py --build ${PROJECT_BINARY_DIR}
                  --program $<TARGET_FILE:gradus>)
  gradus_add_gate(docs ${Python3_EXECUTABLE} ${gates}/check_docs.py
                  --program $<TARGET_FILE:gradus>)
  gradus_add_gate(op_page ${Python3_EXECUTABLE} ${gates}/check_op_page.py
                  --program $<TARGET_FILE:gradus>)
endif()

# The gates are tested by planted faults, the scripts by what they print.
gradus_add_gate(planted_faults ${Python3_EXECUTABLE} tests/build/gates_test.py)
gradus_add_gate(scripts ${Python3_EXECUTABLE} tests/build/scripts_test.py)
# Each fault of the suite that tests the tests still has its place in the code.
gradus_add_gate(fault_texts ${Python3_EXECUTABLE} tests/suites/planted_faults.py --check)

# Each header compiles alone: one generated file per header, compiled when the gate runs.
list(TRANSFORM library_folders APPEND "/*.h" OUTPUT_VARIABLE header_globs)
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${header_globs} tools/*.h)
list(FILTER headers EXCLUDE REGEX "${GRADUS_CUDA_FOLDERS}")
if(NOT GRADUS_ONEDNN)
  list(FILTER headers EXCLUDE REGEX "^kernels/cpu/onednn/")
endif()
set(header_files "")
foreach(header IN LISTS headers)
  string(REPLACE "/" "_" file ${header})
  set(file ${PROJECT_BINARY_DIR}/header_check/${file}.cpp)
  file(CONFIGURE OUTPUT ${file} CONTENT "#include \"${header}\"\n#include \"${header}\"\n")
  list(APPEND header_files ${file})
endforeach()
add_library(header_check OBJECT EXCLUDE_FROM_ALL ${header_files})
target_link_libraries(header_check PRIVATE gradus_options gradus_library)
target_compile_options(header_check PRIVATE -O0)
gradus_add_gate(headers ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target header_check)

# The installed tree serves a project of its own, and both packages hold it.
gradus_add_gate(consumer ${Python3_EXECUTABLE} tests/build/consumer_test.py --build ${PROJECT_BINARY_DIR}
                --compiler ${CMAKE_CXX_COMPILER})
gradus_add_gate(packages ${Python3_EXECUTABLE} tests/build/packages_test.py --build ${PROJECT_BINARY_DIR})
set(build_users gate.headers gate.consumer gate.packages)
if(PROJECT_BINARY_DIR STREQUAL "${PROJECT_SOURCE_DIR}/build/release")
  gradus_add_gate(quickstart ${Python3_EXECUTABLE} tests/build/quickstart_test.py)
  list(APPEND build_users gate.quickstart)
endif()
# These run the build tool, one at a time.
set_tests_properties(${build_users} PROPERTIES RESOURCE_LOCK build_folder)
