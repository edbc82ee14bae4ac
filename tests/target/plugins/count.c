/* A QEMU plugin that counts instructions, exactly, between marker functions of the firmware.

     -plugin count.so,begin=0x1234,end=0x1238,end=0x123c,out=counts.txt

   Each time the instruction at one of the `end`s is reached one line is written: which of them (0, 1, ...) and the
   instructions executed since `begin` was reached. An empty pair tells what the markers themselves cost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

__attribute__((visibility("default"))) int qemu_plugin_version = kPluginVersion;

enum { kEndsMax = 8 };

static uint64_t executed;
static uint64_t at_begin;
static uint64_t begin_address;
static uint64_t end_addresses[kEndsMax];
static size_t end_count;
static FILE* out;

static void on_begin(unsigned vcpu, void* unused) {
  (void)vcpu, (void)unused;
  at_begin = executed;
}

static void on_end(unsigned vcpu, void* which) {
  (void)vcpu;
  fprintf(out, "%zu %llu\n", (size_t)which, (unsigned long long)(executed - at_begin));
}

static void flush(qemu_plugin_id_t id, void* unused) {
  (void)id, (void)unused;
  fclose(out);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb* tb) {
  (void)id;
  const size_t count = qemu_plugin_tb_n_insns(tb);
  for (size_t i = 0; i < count; ++i) {
    struct qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(tb, i);
    const uint64_t address = qemu_plugin_insn_vaddr(insn);
    if (address == begin_address) qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin, QEMU_PLUGIN_CB_NO_REGS, 0);
    for (size_t e = 0; e < end_count; ++e) {
      if (address != end_addresses[e]) continue;
      qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, QEMU_PLUGIN_CB_NO_REGS, (void*)e);
    }
    qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &executed, 1);
  }
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info,
                                                               int argc, char** argv) {
  (void)info;
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "begin=", 6) == 0) begin_address = strtoull(argv[i] + 6, 0, 0);
    if (strncmp(argv[i], "end=", 4) == 0 && end_count < kEndsMax) {
      end_addresses[end_count++] = strtoull(argv[i] + 4, 0, 0);
    }
    if (strncmp(argv[i], "out=", 4) == 0) out = fopen(argv[i] + 4, "w");
  }
  if (!begin_address || !end_count || !out) {
    fprintf(stderr, "count: begin=, end= and out= are needed\n");
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
  qemu_plugin_register_atexit_cb(id, flush, 0);
  return 0;
}
