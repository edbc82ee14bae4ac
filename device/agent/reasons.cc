#include "device/agent/reasons.h"

namespace roost {
namespace device {

using protocol::Reason;

namespace {

Cause with(Reason reason, uint32_t detail = 0) {
  Cause cause;
  cause.reason = reason;
  cause.detail = static_cast<uint16_t>(detail > 0xFFFF ? 0xFFFF : detail);
  return cause;
}

}  // namespace

Cause cause_of(storage::Error error) {
  using storage::Error;
  switch (error) {
    case Error::kNone:
      return with(Reason::kOk);
    case Error::kTooLarge:
      return with(Reason::kDoesNotFit);
    case Error::kBadPackage:
      return with(Reason::kManifestMismatch);
    case Error::kTrialOpen:
      return with(Reason::kTrialOpen);
    case Error::kBusy:
      return with(Reason::kOtherPackageKept);
    case Error::kEraseBudget:
      return with(Reason::kEraseBudgetSpent);
    case Error::kRejectedBefore:
      return with(Reason::kRejectedBefore);
    case Error::kAlreadyStored:
      return with(Reason::kAlreadyHere);
    case Error::kCounterTooLow:
      return with(Reason::kCounterTooLow);
    case Error::kNoFreeSlot:
      return with(Reason::kNoFreeSlot);
    case Error::kDigestMismatch:
      return with(Reason::kDigestMismatch);
    case Error::kAttemptsSpent:
      return with(Reason::kAttemptsSpent);
    case Error::kNothingToReturnTo:
      return with(Reason::kNothingToReturnTo);
    case Error::kInUse:
      return with(Reason::kBusy);
    case Error::kReadBack:
      return with(Reason::kPageUnreadable);
    case Error::kReadFailed:
    case Error::kProgramFailed:
    case Error::kEraseFailed:
    case Error::kNoPower:
      return with(Reason::kFlashFailed);
    case Error::kFlashBusy:
      return with(Reason::kBusy);
    case Error::kBadGeometry:
    case Error::kScratchTooSmall:
      return with(Reason::kStorageDamaged);
    case Error::kMisuse:
    case Error::kWrongState:
    case Error::kNotReady:
      return with(Reason::kInternal, static_cast<uint32_t>(error));
  }
  return with(Reason::kInternal, static_cast<uint32_t>(error));
}

Cause cause_of(const runtime::Report& report) {
  return cause_of(report.error, report);
}

Cause cause_of(runtime::Error error, const runtime::Report& report) {
  using runtime::Error;
  const uint32_t op = static_cast<uint32_t>(report.op);
  switch (error) {
    case Error::kNone:
      return with(Reason::kOk);
    case Error::kSchemaVersion:
      return with(Reason::kSchemaVersion);
    case Error::kTooComplex:
    case Error::kTooMuchWork:
      return with(Reason::kTooComplex);
    case Error::kOperatorCustom:
    case Error::kOperatorMissing:
      return with(Reason::kOperatorUnsupported, op);
    case Error::kOperatorVersion:
      return with(Reason::kOperatorVersion, op);
    case Error::kOperatorType:
    case Error::kOperandType:
      return with(Reason::kTypeUnsupported, op);
    case Error::kOperandShape:
    case Error::kDynamicShape:
      return with(Reason::kShapeUnsupported, op);
    case Error::kOperandQuantisation:
    case Error::kQuantisation:
      return with(Reason::kQuantizationUnsupported, op);
    case Error::kArenaTooSmall:
      return with(Reason::kArenaPlanTooLarge);
    case Error::kInputMismatch:
      return with(Reason::kIoMismatch, static_cast<uint32_t>(report.tensor));
    case Error::kOutputMismatch:
      return with(Reason::kIoMismatch, 0x8000u + static_cast<uint32_t>(report.tensor));
    case Error::kInvokeFailed:
      return with(Reason::kInvokeFailed, static_cast<uint32_t>(report.op_index));
    case Error::kSelfTestMismatch:
    case Error::kSelfTestInvalid:
      return with(Reason::kSelfTestFailed);
    case Error::kNoModel:
      return with(Reason::kNothingToReturnTo);
    default:
      return with(Reason::kModelMalformed, static_cast<uint32_t>(error));
  }
}

// The wire's numbers end at 192, so all of them fit behind storage's own.
uint8_t kept_reason(Reason reason) {
  return static_cast<uint8_t>(static_cast<uint8_t>(reason) + storage::kReasonCallerFirst);
}

Reason reason_from_kept(uint8_t kept) {
  switch (kept) {
    case storage::kReasonNone:
      return Reason::kOk;
    case storage::kReasonAttemptsSpent:
      return Reason::kAttemptsSpent;
    case storage::kReasonDisplaced:
      return Reason::kDisplaced;
    case storage::kReasonErased:
      return Reason::kOk;
    case storage::kReasonHangs:
      return Reason::kWatchdogResets;
    default:
      break;
  }
  return kept < storage::kReasonCallerFirst ? Reason::kInternal
                                            : static_cast<Reason>(kept - storage::kReasonCallerFirst);
}

}  // namespace device
}  // namespace roost
