#include "device/agent/reasons.h"

namespace roost {
namespace device {

using protocol::Reason;

Cause because(Reason reason, uint32_t detail) {
  Cause cause;
  cause.reason = reason;
  cause.detail = static_cast<uint16_t>(detail > 0xFFFF ? 0xFFFF : detail);
  return cause;
}

Cause cause_of(storage::Error error) {
  using storage::Error;
  switch (error) {
    case Error::kNone:
      return because(Reason::kOk);
    case Error::kTooLarge:
      return because(Reason::kDoesNotFit);
    case Error::kBadPackage:
      return because(Reason::kManifestMismatch);
    case Error::kTrialOpen:
      return because(Reason::kTrialOpen);
    case Error::kBusy:
      return because(Reason::kOtherPackageKept);
    case Error::kEraseBudget:
      return because(Reason::kEraseBudgetSpent);
    case Error::kRejectedBefore:
      return because(Reason::kRejectedBefore);
    case Error::kAlreadyStored:
      return because(Reason::kAlreadyHere);
    case Error::kCounterTooLow:
      return because(Reason::kCounterTooLow);
    case Error::kNoFreeSlot:
      return because(Reason::kNoFreeSlot);
    case Error::kDigestMismatch:
      return because(Reason::kDigestMismatch);
    case Error::kAttemptsSpent:
      return because(Reason::kAttemptsSpent);
    case Error::kNothingToReturnTo:
      return because(Reason::kNothingToReturnTo);
    case Error::kInUse:
      return because(Reason::kBusy);
    case Error::kReadBack:
      return because(Reason::kPageUnreadable);
    case Error::kReadFailed:
    case Error::kProgramFailed:
    case Error::kEraseFailed:
    case Error::kNoPower:
      return because(Reason::kFlashFailed);
    case Error::kFlashBusy:
      return because(Reason::kBusy);
    case Error::kBadGeometry:
    case Error::kScratchTooSmall:
      return because(Reason::kStorageDamaged);
    case Error::kMisuse:
    case Error::kWrongState:
    case Error::kNotReady:
      return because(Reason::kInternal, static_cast<uint32_t>(error));
  }
  return because(Reason::kInternal, static_cast<uint32_t>(error));
}

Cause cause_of(const runtime::Report& report) {
  return cause_of(report.error, report);
}

Cause cause_of(runtime::Error error, const runtime::Report& report) {
  using runtime::Error;
  const uint32_t op = static_cast<uint32_t>(report.op);
  switch (error) {
    case Error::kNone:
      return because(Reason::kOk);
    case Error::kSchemaVersion:
      return because(Reason::kSchemaVersion);
    case Error::kTooComplex:
    case Error::kTooMuchWork:
      return because(Reason::kTooComplex);
    case Error::kOperatorCustom:
    case Error::kOperatorMissing:
      return because(Reason::kOperatorUnsupported, op);
    case Error::kOperatorVersion:
      return because(Reason::kOperatorVersion, op);
    case Error::kOperatorType:
    case Error::kOperandType:
      return because(Reason::kTypeUnsupported, op);
    case Error::kOperandShape:
    case Error::kDynamicShape:
      return because(Reason::kShapeUnsupported, op);
    case Error::kOperandQuantisation:
    case Error::kQuantisation:
      return because(Reason::kQuantizationUnsupported, op);
    case Error::kArenaTooSmall:
      return because(Reason::kArenaPlanTooLarge);
    case Error::kInputMismatch:
      return because(Reason::kIoMismatch, static_cast<uint32_t>(report.tensor));
    case Error::kOutputMismatch:
      return because(Reason::kIoMismatch, 0x8000u + static_cast<uint32_t>(report.tensor));
    case Error::kEngineRefused:
      return because(Reason::kPrepareFailed, op);
    case Error::kInvokeFailed:
      return because(Reason::kInvokeFailed, static_cast<uint32_t>(report.op_index));
    case Error::kSelfTestMismatch:
    case Error::kSelfTestInvalid:
      return because(Reason::kSelfTestFailed);
    case Error::kNoModel:
      return because(Reason::kNothingToReturnTo);
    default:
      return because(Reason::kModelMalformed, static_cast<uint32_t>(error));
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
