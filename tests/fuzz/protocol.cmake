roost_fuzzer(protocol_format_fuzz SOURCES protocol_format_fuzz.cc LIBRARIES roost_protocol)
roost_fuzzer(protocol_package_fuzz SOURCES protocol_package_fuzz.cc LIBRARIES roost_protocol)
roost_fuzzer(protocol_receiver_fuzz SOURCES protocol_receiver_fuzz.cc LIBRARIES roost_protocol)

# Without libFuzzer the kept corpus is replayed, so that what was once found stays found (and runs under sanitizers).
if(NOT ROOST_FUZZ)
  foreach(name protocol_format_fuzz protocol_package_fuzz protocol_receiver_fuzz)
    add_executable(${name}_replay ${name}.cc protocol_replay.cc)
    target_link_libraries(${name}_replay PRIVATE roost_protocol roost_flags)
    add_test(NAME ${name}_replay COMMAND ${name}_replay ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  endforeach()
endif()
