/* A QEMU plugin that counts instructions, exactly, between two marker functions of the firmware.

     -plugin libcount.so,begin=0x1234,end=0x1238,out=counts.txt

   Each time the instruction at `end` is reached one line is written: the instructions executed since `begin` was
   reached, the marker functions' own excluded (firmware subtracts the call of an empty pair). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

__attribute__((visibility("default"))) int qemu_plugin_version = kPluginVersion;

static uint64_t executed;
static uint64_t at_begin;
static uint64_t begin_address;
static uint64_t end_address;
static FILE* out;

static void on_begin(unsigned vcpu, void* unused) {
  (void)vcpu, (void)unused;
  at_begin = executed;
}

static void on_end(unsigned vcpu, void* unused) {
  (void)vcpu, (void)unused;
  fprintf(out, "%llu\n", (unsigned long long)(executed - at_begin));
  fflush(out);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb* tb) {
  (void)id;
  const size_t count = qemu_plugin_tb_n_insns(tb);
  for (size_t i = 0; i < count; ++i) {
    struct qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(tb, i);
    const uint64_t address = qemu_plugin_insn_vaddr(insn);
    if (address == begin_address) qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin, QEMU_PLUGIN_CB_NO_REGS, 0);
    if (address == end_address) qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, QEMU_PLUGIN_CB_NO_REGS, 0);
    qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &executed, 1);
  }
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int argc,
                                                               char** argv) {
  (void)info;
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "begin=", 6) == 0) begin_address = strtoull(argv[i] + 6, 0, 0);
    if (strncmp(argv[i], "end=", 4) == 0) end_address = strtoull(argv[i] + 4, 0, 0);
    if (strncmp(argv[i], "out=", 4) == 0) out = fopen(argv[i] + 4, "w");
  }
  if (!begin_address || !end_address || !out) {
    fprintf(stderr, "count: begin=, end= and out= are needed\n");
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
  return 0;
}
