# The support library of tests/runtime is not built with the fuzzers; what is needed of it is compiled in.
roost_fuzzer(runtime_model_fuzz
  SOURCES runtime_model_fuzz.cc ${CMAKE_SOURCE_DIR}/tests/runtime/model_builder.cc
  LIBRARIES roost_runtime)

# Without libFuzzer the kept corpus is replayed; runtime_corpus tests/fuzz/corpus/runtime_model_fuzz writes it anew.
if(NOT ROOST_FUZZ)
  add_executable(runtime_model_fuzz_replay runtime_model_fuzz.cc protocol_replay.cc)
  target_link_libraries(runtime_model_fuzz_replay PRIVATE runtime_test_support)
  add_test(NAME runtime_model_fuzz_replay
    COMMAND runtime_model_fuzz_replay ${CMAKE_CURRENT_SOURCE_DIR}/corpus/runtime_model_fuzz)
  add_executable(runtime_corpus runtime_corpus.cc)
  target_link_libraries(runtime_corpus PRIVATE runtime_test_support)
endif()
