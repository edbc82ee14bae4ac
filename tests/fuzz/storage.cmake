find_package(PkgConfig REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
roost_fuzzer(storage_mount_fuzz
  SOURCES storage_mount_fuzz.cc ${PROJECT_SOURCE_DIR}/tests/storage/rig.cc
  LIBRARIES roost_sim_flash roost_storage PkgConfig::SODIUM)

# Without libFuzzer the kept corpus is replayed.
if(NOT ROOST_FUZZ)
  add_executable(storage_mount_fuzz_replay storage_mount_fuzz.cc protocol_replay.cc
    ${PROJECT_SOURCE_DIR}/tests/storage/rig.cc)
  target_link_libraries(storage_mount_fuzz_replay PRIVATE roost_sim_flash roost_storage PkgConfig::SODIUM roost_flags)
  add_test(NAME storage_mount_fuzz_replay
    COMMAND storage_mount_fuzz_replay ${CMAKE_CURRENT_SOURCE_DIR}/corpus/storage_mount_fuzz)
endif()
