# The support library of tests/runtime is not built with the fuzzers; what is needed of it is compiled in.
roost_fuzzer(runtime_model_fuzz
  SOURCES runtime_model_fuzz.cc ${CMAKE_SOURCE_DIR}/tests/runtime/model_builder.cc
  LIBRARIES roost_runtime)

# Writes the kept corpus anew: runtime_corpus tests/fuzz/corpus/runtime_model_fuzz
if(NOT ROOST_FUZZ)
  add_executable(runtime_corpus runtime_corpus.cc)
  target_link_libraries(runtime_corpus PRIVATE runtime_test_support)
endif()
