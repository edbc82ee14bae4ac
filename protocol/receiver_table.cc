// The receiver's transition table, as drawn in SPEC.md.
#include "protocol/receiver.h"

namespace roost {
namespace protocol {
namespace {

using S = ReceiverState;
using I = ReceiverInput;

struct Row {
  S state;
  I input;
  S next;
};

constexpr Row kRows[] = {
    {S::kIdle, I::kOffer, S::kWantOfferAnswer},
    {S::kIdle, I::kLend, S::kLent},
    {S::kLent, I::kReturn, S::kIdle},

    {S::kWantOfferAnswer, I::kOfferTaken, S::kAwaitManifest},
    {S::kWantOfferAnswer, I::kOfferRefused, S::kIdle},
    {S::kWantOfferAnswer, I::kGiveUp, S::kWantAbandoned},

    {S::kAwaitManifest, I::kManifestHere, S::kWantManifestAnswer},
    {S::kAwaitManifest, I::kGiveUp, S::kWantAbandoned},

    {S::kWantManifestAnswer, I::kAccepted, S::kAwaitChunkHead},
    {S::kWantManifestAnswer, I::kAcceptedWhole, S::kWantStored},
    {S::kWantManifestAnswer, I::kManifestRefused, S::kIdle},
    {S::kWantManifestAnswer, I::kGiveUp, S::kWantAbandoned},

    {S::kAwaitChunkHead, I::kHeadHere, S::kAwaitUnits},
    {S::kAwaitChunkHead, I::kRewound, S::kAwaitChunkHead},
    {S::kAwaitChunkHead, I::kGiveUp, S::kWantAbandoned},

    {S::kAwaitUnits, I::kUnitsHere, S::kWantProgrammed},
    {S::kAwaitUnits, I::kGiveUp, S::kWantAbandoned},

    {S::kWantProgrammed, I::kProgrammed, S::kAwaitUnits},
    {S::kWantProgrammed, I::kPageProgrammed, S::kAwaitChunkTail},
    {S::kWantProgrammed, I::kRewound, S::kAwaitChunkHead},
    {S::kWantProgrammed, I::kGiveUp, S::kWantAbandoned},

    {S::kAwaitChunkTail, I::kTailHere, S::kWantChunkClosed},
    {S::kAwaitChunkTail, I::kGiveUp, S::kWantAbandoned},

    {S::kWantChunkClosed, I::kChunkDurable, S::kAwaitChunkHead},
    {S::kWantChunkClosed, I::kLastChunkDurable, S::kWantStored},
    {S::kWantChunkClosed, I::kRewound, S::kAwaitChunkHead},
    {S::kWantChunkClosed, I::kGiveUp, S::kWantAbandoned},

    {S::kWantStored, I::kStored, S::kWantVerified},
    {S::kWantStored, I::kPayloadFailed, S::kIdle},
    {S::kWantStored, I::kGiveUp, S::kWantAbandoned},

    {S::kWantVerified, I::kVerified, S::kIdle},
    {S::kWantVerified, I::kPayloadFailed, S::kIdle},
    {S::kWantVerified, I::kGiveUp, S::kWantAbandoned},

    {S::kWantAbandoned, I::kAbandoned, S::kIdle},
};

}  // namespace

bool receiver_next(ReceiverState state, ReceiverInput input, ReceiverState* next) {
  for (const Row& row : kRows) {
    if (row.state != state || row.input != input) continue;
    *next = row.next;
    return true;
  }
  return false;
}

}  // namespace protocol
}  // namespace roost
