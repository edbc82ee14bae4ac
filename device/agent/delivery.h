// A transfer on the device: answers what the receiver asks, by way of the store and the gate.
//
//   receiver asks      answered when
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

#include "device/agent/config.h"
#include "protocol/manifest.h"

namespace roost {
namespace device {

class Delivery {
 public:
  // The first engine judges the model; what it has prepared is not touched.
  Delivery(protocol::Receiver& receiver, storage::Store& store, const AgentConfig& config)
      : receiver_(receiver), store_(store), config_(config) {}

  // One slice of answering `action`. True when it was answered, false when it wants another step.
  bool step(protocol::Action action, uint32_t now_ms);

 private:
  enum class Stage : uint8_t {
    kNothing,  // no transfer, or only an offer: the store knows nothing of it
    kOpened,   // the package is the store's open one
  };

  bool decide_manifest(uint32_t now_ms);
  bool program(uint32_t now_ms);
  bool close_chunk(uint32_t now_ms);
  bool check_digest();
  bool verify();
  bool abandon();

  Cause check_manifest(const protocol::ManifestView& manifest) const;
  Cause check_model(const storage::SlotInfo& slot);
  bool refuse(Cause cause);
  bool rewind(protocol::Reason reason, uint32_t now_ms);
  bool payload_bad(Cause cause);
  bool forget(Cause cause);
  bool given_up(Cause cause);
  void note(AgentEvent event, Cause cause = Cause()) const;

  // Small members first: the shorter instructions reach only so far.
  Stage stage_ = Stage::kNothing;
  protocol::Receiver& receiver_;
  storage::Store& store_;
  const AgentConfig& config_;
};

}  // namespace device
}  // namespace roost
