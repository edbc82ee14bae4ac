// Of Zephyr's Bluetooth host, the declarations that the glue uses.
#pragma once
#include <zephyr/kernel.h>
