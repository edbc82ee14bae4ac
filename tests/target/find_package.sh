#!/bin/sh
# Installs the component and builds the out-of-tree firmware against it: find_package.sh SOURCE BUILD
set -eu
source=$1
build=$2
work=$build/out-of-tree
rm -rf "$work"
cmake --install "$build" --prefix "$work/installed" --component firmware > /dev/null
cmake -S "$source/device/ports/cortex_m/example" -B "$work/build" -G Ninja \
  --toolchain "$source/scripts/cmake/arm-none-eabi.cmake" -DROOST_CPU=cortex-m4f -DCMAKE_BUILD_TYPE=MinSizeRel \
  -DCMAKE_PREFIX_PATH="$work/installed"
cmake --build "$work/build" -j2
arm-none-eabi-size "$work/build/example_firmware"
# The same files by way of pkg-config, as any other build system would.
export PKG_CONFIG_PATH="$work/installed/lib/pkgconfig:$(echo "$work"/installed/lib/*/pkgconfig)"
cd "$work"
set -- $(pkg-config --variable=sources roost)
echo "pkg-config names $# files"
for file in "$@"; do [ -f "$file" ] || { echo "pkg-config names $file, which is not there"; exit 1; }; done
eval "arm-none-eabi-g++ $(pkg-config --cflags roost) -isystem $work/build/flatbuffers -std=gnu++14 -Os \
  -mcpu=cortex-m4 -mthumb -fno-exceptions -fno-rtti -fsyntax-only $source/device/ports/cortex_m/example/main.cc"
