#!/bin/sh
# Compiles the Zephyr glue against declarations of the calls it makes: zephyr.sh SOURCE BUILD
set -eu
source=$1
build=$2/target-m4f
folder=$source/device/ports/zephyr
flags="-Os -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard -fsyntax-only -Wall -Wextra -Werror
  -I$source -I$build/generated -I$folder/src -isystem $build/flatbuffers -isystem $folder/declarations"
arm-none-eabi-gcc -std=gnu11 $flags "$folder/src/roost_gatt.c"
arm-none-eabi-g++ -std=gnu++17 -fno-exceptions -fno-rtti -DFLATBUFFERS_ASSERT=ROOST_ASSERT \
  -DFLATBUFFERS_ASSERT_INCLUDE='"base/assert.h"' $flags "$folder/src/roost_zephyr.cc"
grep -q '^name: roost' "$folder/zephyr/module.yml"
