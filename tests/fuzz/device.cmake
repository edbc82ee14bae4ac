# The rig of tests/device and what it builds models with are not built with the fuzzers: compiled in.
if(ROOST_FUZZ)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
endif()
roost_fuzzer(device_agent_fuzz
  SOURCES device_agent_fuzz.cc ${PROJECT_SOURCE_DIR}/tests/device/rig.cc ${PROJECT_SOURCE_DIR}/tests/device/toys.cc
    ${PROJECT_SOURCE_DIR}/tests/runtime/fake_kernels.cc ${PROJECT_SOURCE_DIR}/tests/runtime/model_builder.cc
  LIBRARIES roost_device roost_sim_flash roost_package_writer PkgConfig::SODIUM)

# Without libFuzzer the kept corpus is replayed.
if(NOT ROOST_FUZZ)
  add_executable(device_agent_fuzz_replay device_agent_fuzz.cc protocol_replay.cc)
  target_link_libraries(device_agent_fuzz_replay PRIVATE roost_device_rig roost_flags)
  add_test(NAME device_agent_fuzz_replay
    COMMAND device_agent_fuzz_replay ${CMAKE_CURRENT_SOURCE_DIR}/corpus/device_agent_fuzz)
endif()
