// What the instruction counter (plugins/count.c) counts between. Pairs, not nested; each end has its own account.
#pragma once

extern "C" {
void roost_count_begin();
void roost_count_end();           // for anything; the pairs are listed in order
void roost_count_end_receive();   // taking fragments in, programming, closing pages, digest, gate, seal
void roost_count_end_activate();  // prepare, self-test, swap
void roost_count_end_infer();
}
