#!/bin/sh
# Installs the component, as somebody without the host's libraries would and below a folder with a space in its name,
# and builds the out-of-tree firmware against it: find_package.sh SOURCE BUILD
set -eu
source=$1
work="$2/out of tree"
rm -rf "$work"
cmake -S "$source" -B "$work/roost" -G Ninja -DROOST_BUILD_HOST=OFF -DROOST_BUILD_TESTS=OFF > /dev/null
cmake --install "$work/roost" --prefix "$work/installed" --component firmware > /dev/null
cmake -S "$source/device/ports/cortex_m/example" -B "$work/build" -G Ninja \
  --toolchain "$source/scripts/cmake/arm-none-eabi.cmake" -DROOST_CPU=cortex-m4f -DCMAKE_BUILD_TYPE=MinSizeRel \
  -DCMAKE_PREFIX_PATH="$work/installed"
cmake --build "$work/build" -j2
arm-none-eabi-size "$work/build/example_firmware"
# The same files by way of pkg-config, as any other build system would. It escapes spaces for the shell: eval.
PKG_CONFIG_PATH=$(find "$work/installed" -name pkgconfig)
export PKG_CONFIG_PATH
eval set -- "$(pkg-config --variable=sources roost)"
echo "pkg-config names $# files"
[ $# -gt 50 ]
for file in "$@"; do [ -f "$file" ] || { echo "pkg-config names $file, which is not there"; exit 1; }; done
eval "arm-none-eabi-g++ $(pkg-config --cflags roost) -isystem '$work/build/flatbuffers' -std=gnu++14 -Os \
  -mcpu=cortex-m4 -mthumb -fno-exceptions -fno-rtti -fsyntax-only '$source/device/ports/cortex_m/example/main.cc'"
