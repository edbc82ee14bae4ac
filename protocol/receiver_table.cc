// The receiver's transition table, as drawn in SPEC.md.
#include "protocol/receiver.h"

namespace roost {
namespace protocol {
namespace {

using S = ReceiverState;
using M = MessageType;

constexpr uint16_t in(S state) {
  return static_cast<uint16_t>(1u << static_cast<unsigned>(state));
}
constexpr uint16_t in(S one, S other) {
  return static_cast<uint16_t>(in(one) | in(other));
}

// What a transfer is in while it may still end in something else.
constexpr uint16_t kGoingOn =
    static_cast<uint16_t>(in(S::kAwaitManifest, S::kAwaitChunk) | in(S::kWantManifestAnswer) |
                          in(S::kWantProgrammed, S::kWantChunkClosed) | in(S::kWantStored, S::kWantVerified));
constexpr uint16_t kMayRewind =
    static_cast<uint16_t>(in(S::kAwaitChunk) | in(S::kWantProgrammed, S::kWantChunkClosed));

constexpr M kNothing = M();

}  // namespace

const ReceiverRow kReceiverTable[kReceiverInputCount] = {
    {in(S::kIdle), S::kAwaitManifest, kNothing},                   // kOffer
    {in(S::kAwaitManifest), S::kWantManifestAnswer, kNothing},     // kManifestHere
    {in(S::kWantManifestAnswer), S::kAwaitChunk, M::kAccept},      // kAccepted
    {in(S::kWantManifestAnswer), S::kIdle, M::kReject},            // kManifestRefused
    {in(S::kAwaitChunk), S::kWantProgrammed, kNothing},            // kUnitsHere
    {in(S::kWantProgrammed), S::kAwaitChunk, kNothing},            // kProgrammed
    {in(S::kAwaitChunk), S::kWantChunkClosed, kNothing},           // kChunkHere
    {in(S::kWantChunkClosed), S::kAwaitChunk, kNothing},           // kChunkDurable
    {in(S::kAwaitChunk), S::kWantStored, kNothing},                // kPayloadDurable
    {kMayRewind, S::kAwaitChunk, M::kRewind},                      // kRewound
    {in(S::kWantStored), S::kWantVerified, M::kStored},            // kStored
    {in(S::kWantVerified), S::kIdle, M::kVerified},                // kVerified
    {in(S::kWantStored, S::kWantVerified), S::kIdle, M::kFailed},  // kPayloadFailed
    {kGoingOn, S::kWantAbandoned, M::kFailed},                     // kGiveUp
    {in(S::kWantAbandoned), S::kIdle, kNothing},                   // kAbandoned
    {in(S::kIdle), S::kLent, kNothing},                            // kLend
    {in(S::kLent), S::kIdle, kNothing},                            // kReturn
};

}  // namespace protocol
}  // namespace roost
