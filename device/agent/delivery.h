// A transfer on the device: answers what the receiver asks, by way of the store and the gate.
//
//   receiver asks      answered when
//   kDecideOffer       at once: does it fit at all, may anything come now?
//   kDecideManifest    the manifest was checked, the store has a slot and the manifest stands in its meta
//   kProgram           the page is erased and the bytes are programmed
//   kCloseChunk        the page was read back and its cell is in flash
//   kPayloadComplete   the digest over what flash reads is as promised
//   kVerify            the gate passed the model in flash, the body is sound, the seal is in flash
//   kAbandoned         the store has let go, or keeps what is durable for a resume
//
// step() does one bounded slice; an action stays unanswered until it is done, which holds the host back. Borrows
// all.
#pragma once

#include "device/agent/events.h"
#include "protocol/manifest.h"
#include "protocol/receiver.h"
#include "runtime/engine.h"
#include "runtime/gate.h"
#include "storage/store.h"

namespace roost {
namespace device {

// What this device takes.
struct Acceptance {
  const char* hardware = "";  // the manifest's `hardware`, where it names one, must be equal
  uint32_t arena_bytes = 0;
  runtime::KernelList kernels;
  runtime::IoContract io;
};

class Delivery {
 public:
  // `engine` judges the model; what it has prepared is not touched. `digest`, of the manifest, is the same one as the
  // store's. `observer` may be null. All is borrowed.
  Delivery(protocol::Receiver& receiver, storage::Store& store, runtime::Engine& engine, Digest& digest,
           AgentObserver* observer, const Acceptance& acceptance, uint32_t verify_bytes_per_step)
      : verify_bytes_per_step_(verify_bytes_per_step),
        receiver_(receiver),
        store_(store),
        engine_(engine),
        digest_(digest),
        observer_(observer),
        acceptance_(acceptance) {}

  // One slice of answering `action`. True when it was answered, false when it wants another step.
  bool step(protocol::Action action, uint32_t now_ms);

 private:
  // What is under way for the action at hand; kNothing again once it is answered.
  enum class Stage : uint8_t { kNothing, kWritingMeta, kDigest };

  bool decide_offer();
  bool decide_manifest(uint32_t now_ms);
  bool clearing_first(storage::Error error, uint32_t now_ms) const;
  bool program(uint32_t now_ms);
  bool close_chunk(uint32_t now_ms);
  bool check_digest();
  bool verify();
  bool abandon();

  Cause check_manifest(const protocol::ManifestView& manifest) const;
  Cause check_model(const storage::SlotInfo& slot, MutableBytes scratch);
  bool refuse(Cause cause);
  bool rewind(uint32_t chunk, protocol::Reason reason, uint32_t now_ms);
  bool payload_bad(Cause cause);
  bool payload_bad(storage::Error error);
  bool forget(Cause cause);
  bool given_up(Cause cause);
  void note(AgentEvent event, Cause cause = Cause(), uint32_t value = 0) const;

  // Small members first: the shorter instructions reach only so far.
  Stage stage_ = Stage::kNothing;
  uint8_t slot_ = storage::kNoSlot;
  uint16_t resume_chunk_ = 0;
  uint32_t package_id_ = 0;
  Cause bad_;  // why the payload is no good, until the store has forgotten it
  uint32_t verify_bytes_per_step_;
  protocol::Receiver& receiver_;
  storage::Store& store_;
  runtime::Engine& engine_;
  Digest& digest_;
  AgentObserver* observer_;
  const Acceptance& acceptance_;
};

}  // namespace device
}  // namespace roost
