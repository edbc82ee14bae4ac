roost_fuzzer(base_flatbuffer_fuzz SOURCES base_flatbuffer_fuzz.cc LIBRARIES roost_protocol roost_runtime)

# Without libFuzzer it is fed the corpus of manifests and bodies.
if(NOT ROOST_FUZZ)
  add_executable(base_flatbuffer_fuzz_replay base_flatbuffer_fuzz.cc protocol_replay.cc)
  target_link_libraries(base_flatbuffer_fuzz_replay PRIVATE roost_protocol roost_runtime roost_flags)
  add_test(NAME base_flatbuffer_fuzz_replay
    COMMAND base_flatbuffer_fuzz_replay ${CMAKE_CURRENT_SOURCE_DIR}/corpus/protocol_package_fuzz)
endif()
