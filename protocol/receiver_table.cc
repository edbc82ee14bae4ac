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
    static_cast<uint16_t>(in(S::kAwaitManifest, S::kAwaitChunkHead) | in(S::kAwaitUnits, S::kAwaitChunkTail) |
                          in(S::kWantOfferAnswer, S::kWantManifestAnswer) |
                          in(S::kWantProgrammed, S::kWantChunkClosed) | in(S::kWantStored, S::kWantVerified));
constexpr uint16_t kUnderOffer = in(S::kWantOfferAnswer, S::kWantManifestAnswer);
constexpr uint16_t kMayRewind =
    static_cast<uint16_t>(in(S::kAwaitChunkHead) | in(S::kWantProgrammed, S::kWantChunkClosed));

constexpr M kNothing = M();

}  // namespace

const ReceiverRow kReceiverTable[kReceiverInputCount] = {
    {in(S::kIdle), S::kWantOfferAnswer, kNothing},                 // kOffer
    {in(S::kWantOfferAnswer), S::kAwaitManifest, kNothing},        // kOfferTaken
    {in(S::kAwaitManifest), S::kWantManifestAnswer, kNothing},     // kManifestHere
    {in(S::kWantManifestAnswer), S::kAwaitChunkHead, kNothing},    // kAccepted
    {in(S::kWantManifestAnswer), S::kWantStored, kNothing},        // kAcceptedWhole
    {kUnderOffer, S::kIdle, M::kReject},                           // kRefused
    {in(S::kAwaitChunkHead), S::kAwaitUnits, kNothing},            // kHeadHere
    {in(S::kAwaitUnits), S::kWantProgrammed, kNothing},            // kUnitsHere
    {in(S::kWantProgrammed), S::kAwaitUnits, kNothing},            // kProgrammed
    {in(S::kWantProgrammed), S::kAwaitChunkTail, kNothing},        // kPageProgrammed
    {in(S::kAwaitChunkTail), S::kWantChunkClosed, kNothing},       // kTailHere
    {in(S::kWantChunkClosed), S::kAwaitChunkHead, kNothing},       // kChunkDurable
    {in(S::kWantChunkClosed), S::kWantStored, kNothing},           // kLastChunkDurable
    {kMayRewind, S::kAwaitChunkHead, kNothing},                    // kRewound
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
