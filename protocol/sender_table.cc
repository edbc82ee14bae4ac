// The sender's transition table, as drawn in SPEC.md.
#include "protocol/sender.h"

namespace roost {
namespace protocol {
namespace {

using S = SenderState;
using I = SenderInput;

struct Row {
  S state;
  I input;
  S next;
};

constexpr Row kRows[] = {
    {S::kAwaitInfo, I::kInfo, S::kWantOffer},

    {S::kWantOffer, I::kOfferWritten, S::kAwaitVerdict},

    {S::kAwaitVerdict, I::kAccept, S::kAwaitStored},
    {S::kAwaitVerdict, I::kReject, S::kDone},
    {S::kAwaitVerdict, I::kReport, S::kAwaitVerdict},
    {S::kAwaitVerdict, I::kStored, S::kAwaitVerified},
    {S::kAwaitVerdict, I::kVerified, S::kDone},
    {S::kAwaitVerdict, I::kFailed, S::kDone},
    {S::kAwaitVerdict, I::kNoTransfer, S::kWantOffer},
    {S::kAwaitVerdict, I::kBusy, S::kWantOffer},
    {S::kAwaitVerdict, I::kOfferAgain, S::kWantOffer},

    {S::kAwaitStored, I::kReport, S::kAwaitStored},
    {S::kAwaitStored, I::kRewind, S::kAwaitStored},
    {S::kAwaitStored, I::kStored, S::kAwaitVerified},
    {S::kAwaitStored, I::kVerified, S::kDone},
    {S::kAwaitStored, I::kFailed, S::kDone},
    {S::kAwaitStored, I::kNoTransfer, S::kWantOffer},

    {S::kAwaitVerified, I::kVerified, S::kDone},
    {S::kAwaitVerified, I::kFailed, S::kDone},
    {S::kAwaitVerified, I::kNoTransfer, S::kWantOffer},
};

}  // namespace

bool sender_next(SenderState state, SenderInput input, SenderState* next) {
  const bool ends_all = input == I::kDisconnect || input == I::kTimeout || input == I::kCancel;
  if (ends_all && state != S::kDone) {
    *next = S::kDone;
    return true;
  }
  for (const Row& row : kRows) {
    if (row.state != state || row.input != input) continue;
    *next = row.next;
    return true;
  }
  return false;
}

}  // namespace protocol
}  // namespace roost
