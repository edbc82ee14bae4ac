// Why a device refused, gave up or went back: one closed list with fixed wire numbers, for every stage of a
// delivery.
//
// A number once given is never reused. A host that meets a number it does not know shows the number.
#pragma once

#include <stdint.h>

namespace roost {
namespace protocol {

enum class Reason : uint8_t {
  kOk = 0,

  // The conversation itself.
  kBusy = 1,              // another transfer or request is running
  kNotificationsOff = 2,  // answers could not reach the host
  kProtocolVersion = 3,   // detail: the version the device speaks
  kMalformedMessage = 4,  // detail: the message's type
  kUnknownMessage = 5,    // detail: the message's type
  kEpochReused = 6,       // draw another one and offer again
  kFragmentSize = 7,      // the fragment payload size of the offer is out of range; detail: the largest allowed
  kNoTransfer = 8,        // the device knows of no such transfer: offer again
  kLinkLost = 9,
  kHostSilent = 10,  // nothing useful came for the idle time
  kAskedByHost = 11,
  kAskedByApplication = 12,
  kCodecUnsupported = 13,    // detail: the codec byte
  kChunkMalformed = 14,      // detail: chunk index
  kUnsupportedRequest = 15,  // this device does not offer that request
  kDisplaced = 16,           // another package took the place after the idle time

  // May this package come at all?
  kManifestTooLarge = 32,  // detail: largest manifest, bytes
  kDoesNotFit = 33,        // detail: KiB available
  kNoFreeSlot = 34,        // every slot holds something needed
  kTrialOpen = 35,         // the slot to return to is protected while a model is pending or on trial
  kRejectedBefore = 36,    // detail: the reason then (a Reason)
  kEraseBudgetSpent = 37,  // detail: minutes until the next erase is allowed
  kOtherPackageKept = 38,  // a half-received package is kept a while longer; detail: seconds
  kManifestMalformed = 39,
  kManifestMismatch = 40,  // its digest is not the package id offered, or the sizes differ from the offer
  kNotSigned = 41,
  kSignatureWrong = 42,
  kEncryptionRequired = 43,  // the device's policy wants an encrypted link
  kHardwareMismatch = 44,
  kArenaTooSmall = 45,        // detail: KiB the device has
  kOperatorUnsupported = 46,  // detail: the operator's code in the TFLite schema; 32: a custom operator
  kIoMismatch = 47,           // detail: tensor index, +0x8000 for outputs
  kBaseMissing = 48,          // delta against a model that is not there
  kCounterTooLow = 49,
  kAlreadyHere = 50,  // this very package is the one that runs

  // Storing it.
  kFlashFailed = 64,     // detail: chunk index or block index
  kPageUnreadable = 65,  // a page did not read back three times; detail: chunk index
  kDigestMismatch = 66,  // detail: 0 model, 1 body
  kStorageDamaged = 67,  // region or journal unusable

  // Is it a model we can run?
  kModelMalformed = 96,            // detail: the gate's own code
  kSchemaVersion = 97,             // detail: version found
  kOperatorVersion = 98,           // detail: operator code
  kTypeUnsupported = 99,           // detail: operator code
  kShapeUnsupported = 100,         // detail: operator code
  kQuantizationUnsupported = 101,  // detail: operator code
  kTooComplex = 102,               // larger than the device's scratch allows to check
  kBodyMalformed = 103,
  kArenaPlanTooLarge = 104,  // planned, it needs more than the manifest said and the device has; detail: KiB

  // Running it.
  kNothingToActivate = 128,
  kNothingToConfirm = 129,
  kNothingToReturnTo = 130,
  kSelfTestFailed = 131,  // detail: vector index
  kInvokeFailed = 132,    // detail: operator index
  kPrepareFailed = 133,   // detail: operator code
  kWatchdogResets = 134,  // detail: how many
  kAttemptsSpent = 135,   // detail: how many
  kNotVerified = 136,     // the package is stored but not verified

  kInternal = 192,  // the device found itself in a state it should not be in
};

// A reason with the number that goes with it (the list says which; kOk has none). One word, so that it
// travels in a register and is made in one instruction.
class Cause {
 public:
  constexpr Cause() : word_(0) {}
  constexpr Cause(Reason reason, uint16_t detail = 0)  // NOLINT: `return Reason::kX;` is the point
      : word_(static_cast<uint32_t>(reason) | static_cast<uint32_t>(detail) << 16) {}

  constexpr bool ok() const { return word_ == 0; }
  constexpr bool is_busy() const { return word_ == static_cast<uint32_t>(Reason::kBusy); }
  constexpr Reason reason() const { return static_cast<Reason>(word_ & 0xFF); }
  constexpr uint16_t detail() const { return static_cast<uint16_t>(word_ >> 16); }

 private:
  uint32_t word_;
};

// Which stage, what was wrong, what to do next: three pieces of one sentence for people.
struct Description {
  const char* name;   // short, stable, for machines: "trial_open"
  const char* stage;  // "conversation", "offer", "storing", "model check", "running"
  const char* what;
  const char* next;
};

// Never fails; a number not in the list yields name "unknown". Meant for hosts; a device that never calls it
// does not link it.
Description describe(Reason reason);

}  // namespace protocol
}  // namespace roost
