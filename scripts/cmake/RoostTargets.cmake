# How the project's targets are compiled.
#
#   roost_component(NAME SOURCES a.cc b.cc DEPENDS base)
#       a lower folder (or device/agent): roost_NAME as C++20, and roost_NAME_cxx14 as gnu++14 without exceptions
#       and RTTI, as the Arduino core of our first board compiles it. DEPENDS names other components.
#   roost_flatbuffer(TARGET schema.fbs)
#       generates schema_generated.h into the build folder and puts it on TARGET's include path (both variants).
#   roost_test(NAME SOURCES a_test.cc LIBRARIES roost_x)
#       a GoogleTest program, registered with CTest.
#   roost_fuzzer(NAME SOURCES a_fuzz.cc LIBRARIES roost_x)
#       a libFuzzer program, with ROOST_FUZZ only; its kept corpus is tests/fuzz/corpus/NAME.

add_library(roost_flags INTERFACE)
# Warnings are errors where the presets say so: with a compiler that nobody here has, a user still gets a build.
target_compile_options(roost_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough -Wnon-virtual-dtor
  -ffp-contract=off)
target_include_directories(roost_flags INTERFACE ${CMAKE_SOURCE_DIR})
# FlatBuffers is headers only and its namespace says no version. Under a name of our own, its functions do not meet
# those of another version in the same image (TensorFlow Lite Micro brings one).
target_compile_definitions(roost_flags INTERFACE flatbuffers=roost_flatbuffers)
if(ROOST_SANITIZE)
  target_compile_options(roost_flags INTERFACE -fsanitize=${ROOST_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_link_options(roost_flags INTERFACE -fsanitize=${ROOST_SANITIZE})
endif()
if(ROOST_FUZZ)
  target_compile_options(roost_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
# Assertions of ours are always on (base/assert.h); NDEBUG would only silence those of others.
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

function(roost_component name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(roost_${name} STATIC ${arg_SOURCES})
  add_library(roost_${name}_cxx14 STATIC ${arg_SOURCES})
  set_target_properties(roost_${name}_cxx14 PROPERTIES CXX_STANDARD 14 CXX_EXTENSIONS ON)
  target_compile_options(roost_${name}_cxx14 PRIVATE -fno-exceptions -fno-rtti -fno-threadsafe-statics)
  target_link_libraries(roost_${name} PUBLIC roost_flags)
  target_link_libraries(roost_${name}_cxx14 PUBLIC roost_flags)
  foreach(dependency ${arg_DEPENDS})
    target_link_libraries(roost_${name} PUBLIC roost_${dependency})
    target_link_libraries(roost_${name}_cxx14 PUBLIC roost_${dependency}_cxx14)
  endforeach()
endfunction()

find_program(FLATC flatc REQUIRED)
function(roost_flatbuffer target schema)
  get_filename_component(stem ${schema} NAME_WE)
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set(output_folder ${CMAKE_BINARY_DIR}/generated/${folder})
  set(output ${output_folder}/${stem}_generated.h)
  add_custom_command(OUTPUT ${output}
    COMMAND ${FLATC} --cpp --scoped-enums -o ${output_folder} ${CMAKE_CURRENT_SOURCE_DIR}/${schema}
    DEPENDS ${schema} VERBATIM)
  add_custom_target(${target}_${stem}_fbs DEPENDS ${output})
  foreach(variant ${target} ${target}_cxx14)
    add_dependencies(${variant} ${target}_${stem}_fbs)
    target_include_directories(${variant} SYSTEM PUBLIC ${CMAKE_BINARY_DIR}/generated)
    # FlatBuffers' own assertions become ours: the C library's would bring stdio, and with it the heap, to a board.
    target_compile_definitions(${variant} PUBLIC FLATBUFFERS_ASSERT=ROOST_ASSERT
      "FLATBUFFERS_ASSERT_INCLUDE=\"base/assert.h\"")
  endforeach()
endfunction()

function(roost_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} roost_flags GTest::gmock GTest::gtest_main)
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  # SKIPPED in a test's output is GoogleTest's own word for a skipped test; CTest shows it as passed, the log says it.
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT})
endfunction()

function(roost_fuzzer name)
  if(NOT ROOST_FUZZ)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} roost_flags)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()
