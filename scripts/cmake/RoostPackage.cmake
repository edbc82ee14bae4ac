# What other projects find of Roost: the component's sources, compiled by them with their compiler and flags, as
# firmware has to be.
#
#   cmake -S . -B build/firmware -DROOST_BUILD_HOST=OFF -DROOST_BUILD_TESTS=OFF      # or any other build folder
#   cmake --install build/firmware --prefix /somewhere --component firmware          # builds nothing
#
#   find_package(roost REQUIRED)                      # CMake: roost::component, roost::cortex_m
#   pkg-config --cflags roost; pkg-config --variable=sources roost        # others: include path, list of files
set(roost_package ${CMAKE_INSTALL_DATADIR}/roost)
set(roost_package_sources "")
foreach(component base protocol storage runtime device)
  get_target_property(sources roost_${component}_cxx14 SOURCES)
  list(TRANSFORM sources PREPEND "${component}/")
  list(APPEND roost_package_sources ${sources})
endforeach()

set(patterns FILES_MATCHING PATTERN "*.h" PATTERN "*.cc" PATTERN "*.ld" PATTERN "*.fbs"
  PATTERN "tflm.cmake" PATTERN "README.md")
foreach(folder base protocol storage runtime device/agent device/ports/common device/ports/cortex_m device/ports/tflm)
  get_filename_component(parent ${folder} DIRECTORY)
  install(DIRECTORY ${folder} DESTINATION ${roost_package}/${parent} COMPONENT firmware ${patterns}
    PATTERN "example" EXCLUDE PATTERN "declarations" EXCLUDE)
endforeach()
# Generated as it is installed, so that nothing has to be built before.
foreach(schema protocol/manifest protocol/body runtime/schema)
  get_filename_component(folder ${schema} DIRECTORY)
  install(CODE "execute_process(COMMAND \"${FLATC}\" --cpp --scoped-enums
    -o \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${roost_package}/${folder}\" \"${CMAKE_SOURCE_DIR}/${schema}.fbs\"
    COMMAND_ERROR_IS_FATAL ANY)" COMPONENT firmware)
endforeach()
install(FILES device/PORTING.md LICENSE DESTINATION ${roost_package} COMPONENT firmware)

include(CMakePackageConfigHelpers)
configure_package_config_file(scripts/cmake/roostConfig.cmake.in roostConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/roost PATH_VARS roost_package)
write_basic_package_version_file(roostConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/roostConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/roostConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/roost COMPONENT firmware)

list(TRANSFORM roost_package_sources PREPEND "\${folder}/" OUTPUT_VARIABLE roost_pc_sources)
list(JOIN roost_pc_sources " " roost_pc_sources)
file(RELATIVE_PATH roost_pc_up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(scripts/cmake/roost.pc.in roost.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/roost.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT firmware)
