// The store: slots for models in flash, and which of them runs. Rule one: at every moment, including inside an
// erase or a program, a power cut leaves the old model or the new one runnable.
//
// Borrows the flash, the digest, the configuration and the scratch for its life; owns a few hundred bytes and no heap.
// One thread. Every call is bounded: at most one erase (or slice) and one small program, or one page of reading; what
// takes longer goes in steps. Format and write orders: LAYOUT.md.
//
//   store.mount(now);
//   if (store.boot(cause)) run what slot_to_run and slot_to_attempt say
//
//   in every poll: if (store.work_wanted(now)) store.work(now);
//   store.open(package, kOpenNormal, now);                      // refused: nothing was touched
//   until store.manifest_taken(): wait for work(), then open(package, ...) again
//   per page: page_ready, program ..., close_page  (kReadBack: rewind, send again)
//   do store.verify_step(1024); while (store.verifying());
//   store.seal();                                               // now pending
//   store.record_attempt(slot); ... prepare ...; store.record_trial(slot); ...; store.confirm(slot, now);
#pragma once

#include <stdint.h>

#include "base/digest.h"
#include "base/span.h"
#include "storage/boot.h"
#include "storage/error.h"
#include "storage/flash.h"
#include "storage/journal.h"
#include "storage/layout.h"
#include "storage/meta.h"
#include "storage/state.h"

namespace roost {
namespace storage {

struct StoreConfig {
  uint8_t slot_count = 2;          // 2 or 3
  uint16_t chunk_bytes = 4096;     // a page of the slot; divides the erase block
  bool early_erase = false;        // keep a clean slot waiting: erases the retired model after the grace time
  uint8_t watchdog_run_max = 3;    // that many resets by watchdog in a row: safe mode
  uint8_t erase_ahead_blocks = 2;  // erased before they are needed, so that a page seldom waits
  uint32_t early_erase_grace_ms = 60000;
  uint32_t displace_idle_ms = 60000;  // a half-received package yields to another after this long without a page
  uint32_t erase_budget_blocks = 0;   // at most this many erases in a burst; 0: sixteen slots full
  uint32_t budget_refill_ms = 60000;  // one block more each
};

enum OpenFlags : uint8_t { kOpenNormal = 0, kOpenForce = 1 };

// What a slot's meta says of the package in it; zeros and nothing where it says nothing that can be trusted.
struct SlotInfo : PackageInfo {
  const uint8_t* payload;  // into mapped(); whole once the slot is sealed or, of the open package, verified

  bool sound() const { return model_size != 0; }  // its meta read well at mount or since, and does now
  Bytes model() const { return Bytes(payload, model_size); }
  Bytes body() const { return Bytes(payload + body_offset, body_size); }
};

class Store {
 public:
  // `scratch`: scratch_bytes(geometry) bytes, lent for good. The flash and digest are shared with nobody while a
  // call runs; the digest keeps a running value from the first verify_step to the last.
  // `config` is lent too: a firmware that has it constant keeps it in flash. `has_builtin`: the firmware carries a
  // model of its own.
  Store(Flash& flash, Digest& digest, const StoreConfig& config, bool has_builtin, MutableBytes scratch);
  Store(const Store&) = delete;  // its parts point into it
  Store& operator=(const Store&) = delete;

  static constexpr uint32_t scratch_bytes(const FlashGeometry&) { return kUnitBytesMax; }

  // ---- boot ----

  // Reads journal and metas. Writes nothing. kBadGeometry, kScratchTooSmall; flash that cannot be read
  // is no error but a journal without records or a slot that is not sound. Once, before all else.
  Status mount(uint32_t now_ms);

  // Whether to run anything; false is safe mode: invoke nothing, stay reachable. Appends one record where the watchdog
  // bit, attempts are spent, or the newest record may be torn; so call it once a boot. Where it cannot be written the
  // answer is still given, as if it had been.
  bool boot(ResetCause cause);

  // What to attempt, if not kNoSlot: record_attempt, then prepare. It is not confirmed; if it fails: reject it, and run
  // what is known to run.
  uint8_t slot_to_attempt() const { return sound_slot_in(kToAttempt); }
  // In turns 0 and 1, what to run where nothing is to be attempted, or before it is: boot.h. kNoSlot: go on.
  uint8_t slot_to_run(uint8_t turn) const { return sound_slot_in(turn == 0 ? kToRunFirst : kToRunNext); }

  // The application infers well: the run of watchdog resets is over. Records only if there was one.
  Status healthy();

  // What the runtime reads now; never erased until another slot, or kNoSlot, is held. boot() holds nothing.
  void hold(uint8_t slot) { held_slot_ = slot; }

  // ---- work in the background ----

  // Whether work() has something to erase now.
  bool work_wanted(uint32_t now_ms);
  // A block of it, or a slice of one. An error of the flash leaves the work wanted: the next call tries again.
  Status work(uint32_t now_ms);

  // ---- receiving ----

  // Accepts a package, or refuses it with one of the errors listed under open in error.h, having touched nothing.
  // kNotReady: slots are being cleared: once that work is done, again.
  // Header and manifest can be written once work() has erased the meta: until manifest_taken(), call
  // it again whenever no work is wanted. The bytes are borrowed for the call only.
  // The same package half received: resumes at next_page(), whoever sends it, and any transfer open is continued.
  // Into `package` go generation and attempts as its slot has them.
  Status open(PackageInfo& package, OpenFlags flags, uint32_t now_ms);

  bool receiving() const { return transfer_.phase >= Phase::kOpen; }
  uint8_t open_slot() const { return transfer_.slot; }  // while receiving
  // Header and manifest stand in flash: pages may come.
  bool manifest_taken() const { return transfer_.phase >= Phase::kReceive; }
  // Pages go in order; each is programmed once from its first byte upward and then closed. next_page() is the page in
  // work, and the page count where all are durable: verify and seal. The first durable_chunks() of them survive a reset.
  uint32_t next_page() const { return transfer_.next_page; }
  uint32_t durable_chunks() const { return state_.slots[transfer_.slot].durable_chunks; }
  uint32_t chunk_count() const;
  uint32_t chunk_size(uint32_t page) const;  // true bytes: less than chunk_bytes in the last

  // The block under the page in work is erased: program() may come.
  bool page_ready() const;

  // The page's next whole units, one or more; what lies beyond the page's true size must be the erased value.
  // kWrongState, kNotReady, kMisuse, kProgramFailed (the page is spoiled: rewind).
  Status program(Bytes bytes, uint32_t now_ms);

  // Reads the page back and compares with the chunk's CRC-32 (package id, index, true bytes: SPEC). Durable chunks
  // move by whole erase blocks, sixteen times in a package at most. kReadBack: rewind.
  Status close_page(uint32_t crc);

  // The block of the page in work is erased again, and next_page() is the first in it. kEraseBudget: not now.
  Status rewind(uint32_t now_ms);

  // Ends the open package for good. What was received is forgotten. (A lost link needs no call: open() again.)
  Status abandon(uint8_t reason, uint16_t detail);

  // ---- sealing ----

  // Digest over what flash reads now of the open package, once all is durable: at most budget_bytes of it, which is not
  // 0. kWrongState, kDigestMismatch, kReadFailed; after an error it begins again. Ok, and not verifying() any more:
  // model and body are as promised.
  Status verify_step(uint32_t budget_bytes);
  bool verifying() const { return transfer_.phase == Phase::kVerify; }
  // The open package, verified: from here on the model is pending. The transfer is over.
  Status seal();

  // ---- trial ----

  // The retired model is wanted again: it is pending from here on, with all its attempts, and the confirmed one is
  // what it falls back to. kTrialOpen, kCounterTooLow (this is no way around the floor), kWrongState.
  Status reinstate(uint8_t slot);
  // Before each first prepare of an unconfirmed model (also after a reset). kAttemptsSpent: reject it.
  Status record_attempt(uint8_t slot);
  // The runtime took it.
  Status record_trial(uint8_t slot);
  // From kTrial. The counter floor rises; what was confirmed is retired, what was retired is forgotten.
  Status confirm(uint8_t slot, uint32_t now_ms);
  // From kPending and kTrial; and from kConfirmed, where the retired one is confirmed again: slot_to_run() says what to
  // run now. kNothingToReturnTo changes nothing.
  Status reject(uint8_t slot, uint8_t reason, uint16_t detail);

  // Forgets every model, then erases the slots in work(). kTrialOpen, kInUse (hold(kNoSlot) first), kEraseBudget.
  Status erase_all(uint32_t now_ms);

  // ---- queries ----

  const StoreConfig& config() const { return config_; }
  bool has_builtin() const { return has_builtin_; }
  uint8_t slot_count() const { return config_.slot_count; }
  SlotInfo slot_info(uint8_t slot);  // of any number: one that is no slot has nothing in it
  // The one slot in that state, or in one of them (newest first), or kNoSlot.
  uint8_t slot_in(SlotState state) const { return slot_in(states(state)); }
  uint8_t slot_in(SlotStates wanted) const;
  uint32_t payload_bytes_max() const { return meta_.layout.payload_bytes_max(); }
  uint32_t erase_budget(uint32_t now_ms);  // blocks
  uint32_t journal_wear() const { return journal_.wear(); }
  uint64_t counter_floor() const { return state_.counter_floor; }
  uint8_t watchdog_run() const { return state_.watchdog_run; }
  const Layout& layout() const { return meta_.layout; }
  const State& state() const { return state_; }  // and in it the slots' records

 private:
  // What transfer_ is about, in the order of its life.
  enum class Phase : uint8_t {
    kIdle,     // nothing
    kClear,    // no package: the slot is being erased throughout
    kHalf,     // a half-received package, not open since the boot
    kOpen,     // the meta is being erased, then waits for open() to write header and manifest
    kReceive,  // pages; all are closed, or not yet
    kVerify,   // all are, and the digest of some is made
    kVerified,
  };

  // Zeros throughout: nothing.
  struct Transfer {
    Phase phase;
    uint8_t slot;
    uint8_t meta_failures;  // times that header and manifest did not stand after an erase
    uint32_t payload_size;
    uint32_t erased_blocks;  // of the slot, from the first of its meta: erased, or programmed since
    uint32_t next_page;
    uint32_t written;   // bytes programmed of next_page
    uint32_t verified;  // kVerify: up to here in the payload
  };

  // store.cc
  uint8_t sound_slot_in(SlotStates wanted) const;
  bool check_sound(uint8_t slot, PackageInfo& header);
  void look_for_seals();
  void charge(SlotRecord& slot, uint32_t blocks);

  // A change of the state: keep() copies it into the scratch, which nothing may use until commit(), and gives a slot's
  // record; then it is changed in place; then commit() records it, or takes the copy back.
  SlotRecord& keep(uint8_t slot);
  Status commit();
  // And then, unless it fails, the transfer is about this; what was in work before is forgotten.
  Status commit(Phase next, uint8_t slot = 0);
  // keep(), and the record to be changed; null where the slot is in none of these states.
  SlotRecord* edit(uint8_t slot, SlotStates wanted);

  // store_work.cc
  Status page_crc(uint32_t* crc);
  bool erase_wanted() const;
  Status erase_work();
  uint8_t slot_to_wipe() const;
  uint8_t slot_to_clear(uint32_t now_ms);
  Status clear(uint8_t slot);
  static void empty(SlotRecord& slot, uint8_t reason);

  // store_receive.cc
  SlotRecord& open_record() { return state_.slots[transfer_.slot]; }
  uint32_t block_in_work() const;  // of the slot
  bool all_closed() const { return transfer_.next_page * meta_.layout.chunk_bytes >= transfer_.payload_size; }
  Status check_policy(const PackageInfo& package, OpenFlags flags) const;
  uint8_t pick_slot() const;
  bool continues(PackageInfo& package);
  Status start(const PackageInfo& package);
  Status write_meta(const PackageInfo& package);
  Status resume();
  uint32_t back_to_block();

  // What is asked for most stands first: the shorter instructions reach only so far.
  Meta meta_;
  Transfer transfer_ = {};
  uint8_t held_slot_ = kNoSlot;
  const bool has_builtin_;
  uint32_t slicing_ = 0;  // offset of a block whose sliced erase is unfinished; 0, the journal's: none
  // Set by mount().
  uint32_t last_activity_ms_;  // of the half-received package
  uint32_t settled_ms_;        // since when nothing changed: the grace time of an early erase counts from here
  uint32_t refilled_ms_;       // up to when the erase budget is credited
  const StoreConfig& config_;
  Journal journal_;
  State state_ = {};
};

}  // namespace storage
}  // namespace roost
