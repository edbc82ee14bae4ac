/* A QEMU plugin that stops the processor after each operation on the flash of `-M microbit`: a store into the flash
   window (a word programmed) or to an erase register.

     -plugin libflash_ops.so,base=0x20000,size=0x20000,arm=0x1234,report=FIFO,go=FIFO

   Nothing is counted before the instruction at `arm` is reached. From then on each operation writes one line to
   `report` ("program ADDRESS" or "erase REGISTER") and waits for one byte from `go`. The waiting processor stands
   right behind the store: what flash reads now is what a power cut at this place leaves. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qemu_plugin.h"

__attribute__((visibility("default"))) int qemu_plugin_version = kPluginVersion;

enum { kErasePage = 0x4001E508, kEraseAll = 0x4001E50C, kErasePartial = 0x4001E518 };

static uint64_t window_base;
static uint64_t window_size;
static uint64_t arm_address;
static bool armed;
static int report = -1;
static int go = -1;

static void on_arm(unsigned vcpu, void* unused) {
  (void)vcpu, (void)unused;
  armed = true;
}

static void stop_after(const char* what, uint64_t address) {
  char line[64];
  const int size = snprintf(line, sizeof(line), "%s %llu\n", what, (unsigned long long)address);
  char answer;
  if (write(report, line, (size_t)size) != size || read(go, &answer, 1) != 1) _exit(3);
}

static void on_access(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t address, void* unused) {
  (void)vcpu, (void)unused;
  if (!armed || !qemu_plugin_mem_is_store(info)) return; /* QEMU 7.2 delivers loads as well */
  if (address - window_base < window_size) stop_after("program", address);
  if (address == kErasePage || address == kEraseAll || address == kErasePartial) stop_after("erase", address);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb* tb) {
  (void)id;
  const size_t count = qemu_plugin_tb_n_insns(tb);
  for (size_t i = 0; i < count; ++i) {
    struct qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(tb, i);
    if (qemu_plugin_insn_vaddr(insn) == arm_address) {
      qemu_plugin_register_vcpu_insn_exec_cb(insn, on_arm, QEMU_PLUGIN_CB_NO_REGS, 0);
    }
    qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, 0);
  }
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info,
                                                               int argc, char** argv) {
  (void)info;
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "base=", 5) == 0) window_base = strtoull(argv[i] + 5, 0, 0);
    if (strncmp(argv[i], "size=", 5) == 0) window_size = strtoull(argv[i] + 5, 0, 0);
    if (strncmp(argv[i], "arm=", 4) == 0) arm_address = strtoull(argv[i] + 4, 0, 0);
    if (strncmp(argv[i], "report=", 7) == 0) report = open(argv[i] + 7, O_WRONLY);
    if (strncmp(argv[i], "go=", 3) == 0) go = open(argv[i] + 3, O_RDONLY);
  }
  if (!window_size || !arm_address || report < 0 || go < 0) {
    fprintf(stderr, "flash_ops: base=, size=, arm=, report= and go= are needed\n");
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
  return 0;
}
