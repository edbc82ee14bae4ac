#!/bin/sh
# Cross-compiles everything for both processors: build.sh SOURCE BUILD makes BUILD/target-m0 and BUILD/target-m4f.
set -eu
export CCACHE_DISABLE=1  # a cached object comes without the call graph that the budgets want beside it
source=$1
build=$2
for cpu in m0 m4f; do
  folder=$build/target-$cpu
  [ -f "$folder/build.ninja" ] || cmake -S "$source" -B "$folder" -G Ninja \
    --toolchain "$source/scripts/cmake/arm-none-eabi.cmake" -DROOST_CPU=cortex-$cpu \
    -DROOST_BUILD_HOST=OFF -DROOST_BUILD_TESTS=OFF -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_COMPILE_WARNING_AS_ERROR=ON
  cmake --build "$folder" -j2 --target firmware
done
