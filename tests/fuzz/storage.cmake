if(ROOST_FUZZ)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
endif()
roost_fuzzer(storage_mount_fuzz
  SOURCES storage_mount_fuzz.cc ${PROJECT_SOURCE_DIR}/tests/storage/rig.cc
  LIBRARIES roost_sim_flash roost_storage PkgConfig::SODIUM)
