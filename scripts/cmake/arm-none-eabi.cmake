# Cross-compiling the lower folders, the agent and the Cortex-M port with Debian's bare-metal compiler.
#
#   cmake -S . -B build/m4f -G Ninja --toolchain scripts/cmake/arm-none-eabi.cmake -DROOST_CPU=cortex-m4f
#       -DROOST_BUILD_HOST=OFF -DROOST_BUILD_TESTS=OFF -DCMAKE_BUILD_TYPE=MinSizeRel
#
# ROOST_CPU is cortex-m0 or cortex-m4f. Nothing of libstdc++ is linked, and of the C library only what
# `-lc_nano -lm -lgcc` resolves without a heap: malloc would leave _sbrk undefined, and the link fails.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ROOST_CPU)

set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_CXX_COMPILER arm-none-eabi-g++)
set(CMAKE_ASM_COMPILER arm-none-eabi-gcc)

set(ROOST_CPU cortex-m4f CACHE STRING "cortex-m0 or cortex-m4f")
if(ROOST_CPU STREQUAL cortex-m0)
  set(roost_machine "-mcpu=cortex-m0 -mthumb")
elseif(ROOST_CPU STREQUAL cortex-m4f)
  set(roost_machine "-mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard -mno-unaligned-access")
else()
  message(FATAL_ERROR "ROOST_CPU is ${ROOST_CPU}; it must be cortex-m0 or cortex-m4f")
endif()

# Parts with one of these have one core; RP2040, with two Cortex-M0+, is none of them.
set(ROOST_ONE_CORE ON CACHE BOOL "The link's side and the polling side run on one core")

# Every stack frame's size and callee is written beside the object file: the budgets' call graph is made of them.
set(roost_common "${roost_machine} -ffunction-sections -fdata-sections -fstack-usage -fcallgraph-info=su,da")
set(CMAKE_C_FLAGS_INIT "${roost_common}")
set(CMAKE_ASM_FLAGS_INIT "${roost_machine}")
set(CMAKE_CXX_FLAGS_INIT
  "${roost_common} -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-use-cxa-atexit -fno-unwind-tables -fno-asynchronous-unwind-tables")
set(CMAKE_EXE_LINKER_FLAGS_INIT "${roost_machine} -nostdlib -Wl,--gc-sections -Wl,--fatal-warnings")
set(CMAKE_CXX_STANDARD_LIBRARIES "-Wl,--start-group -lc_nano -lm -lgcc -Wl,--end-group")
set(CMAKE_C_STANDARD_LIBRARIES "-Wl,--start-group -lc_nano -lm -lgcc -Wl,--end-group")

# FlatBuffers is headers only, but its folder also holds the host's C library: give the compiler a folder in which
# nothing else is.
find_path(ROOST_FLATBUFFERS_FOLDER flatbuffers/flatbuffers.h PATHS /usr/include /usr/local/include
  NO_DEFAULT_PATH)
if(ROOST_FLATBUFFERS_FOLDER)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/flatbuffers)
  file(CREATE_LINK ${ROOST_FLATBUFFERS_FOLDER}/flatbuffers ${CMAKE_BINARY_DIR}/flatbuffers/flatbuffers SYMBOLIC)
  string(APPEND CMAKE_CXX_FLAGS_INIT " -isystem \"${CMAKE_BINARY_DIR}/flatbuffers\"")
endif()

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
