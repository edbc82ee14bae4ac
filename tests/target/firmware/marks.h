// What the instruction counter (plugins/count.c) counts between. Pairs, not nested.
#pragma once

extern "C" {
void roost_count_begin();
void roost_count_end();
}
