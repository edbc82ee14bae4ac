#include "device/agent/reasons.h"

namespace roost {
namespace device {

using protocol::Reason;

Cause because(Reason reason, uint32_t detail) {
  return Cause(reason, static_cast<uint16_t>(detail > 0xFFFF ? 0xFFFF : detail));
}

namespace {

struct StorageRow {
  storage::Error error;
  Reason reason;
};

// Everything else is our own mistake: kInternal, with the error's number.
const StorageRow kStorageRows[] = {
    {storage::Error::kNone, Reason::kOk},
    {storage::Error::kTooLarge, Reason::kDoesNotFit},
    {storage::Error::kBadPackage, Reason::kManifestMismatch},
    {storage::Error::kTrialOpen, Reason::kTrialOpen},
    {storage::Error::kBusy, Reason::kOtherPackageKept},
    {storage::Error::kEraseBudget, Reason::kEraseBudgetSpent},
    {storage::Error::kRejectedBefore, Reason::kRejectedBefore},
    {storage::Error::kAlreadyStored, Reason::kAlreadyHere},
    {storage::Error::kCounterTooLow, Reason::kCounterTooLow},
    {storage::Error::kNoFreeSlot, Reason::kNoFreeSlot},
    {storage::Error::kDigestMismatch, Reason::kDigestMismatch},
    {storage::Error::kAttemptsSpent, Reason::kAttemptsSpent},
    {storage::Error::kNothingToReturnTo, Reason::kNothingToReturnTo},
    {storage::Error::kInUse, Reason::kBusy},
    {storage::Error::kReadBack, Reason::kPageUnreadable},
    {storage::Error::kReadFailed, Reason::kFlashFailed},
    {storage::Error::kProgramFailed, Reason::kFlashFailed},
    {storage::Error::kEraseFailed, Reason::kFlashFailed},
    {storage::Error::kNoPower, Reason::kFlashFailed},
    {storage::Error::kFlashBusy, Reason::kBusy},
    {storage::Error::kBadGeometry, Reason::kStorageDamaged},
    {storage::Error::kScratchTooSmall, Reason::kStorageDamaged},
};

// The number that goes with a reason.
enum class Detail : uint8_t { kNothing, kOperator, kInput, kOutput, kOperatorIndex };

struct RuntimeRow {
  runtime::Error error;
  Reason reason;
  Detail detail;
};

// Everything else says that the model is no good: kModelMalformed, with the error's number.
const RuntimeRow kRuntimeRows[] = {
    {runtime::Error::kNone, Reason::kOk, Detail::kNothing},
    {runtime::Error::kSchemaVersion, Reason::kSchemaVersion, Detail::kNothing},
    {runtime::Error::kTooComplex, Reason::kTooComplex, Detail::kNothing},
    {runtime::Error::kTooMuchWork, Reason::kTooComplex, Detail::kNothing},
    {runtime::Error::kOperatorCustom, Reason::kOperatorUnsupported, Detail::kOperator},
    {runtime::Error::kOperatorMissing, Reason::kOperatorUnsupported, Detail::kOperator},
    {runtime::Error::kOperatorVersion, Reason::kOperatorVersion, Detail::kOperator},
    {runtime::Error::kOperatorType, Reason::kTypeUnsupported, Detail::kOperator},
    {runtime::Error::kOperandType, Reason::kTypeUnsupported, Detail::kOperator},
    {runtime::Error::kOperandShape, Reason::kShapeUnsupported, Detail::kOperator},
    {runtime::Error::kDynamicShape, Reason::kShapeUnsupported, Detail::kOperator},
    {runtime::Error::kOperandQuantisation, Reason::kQuantizationUnsupported, Detail::kOperator},
    {runtime::Error::kQuantisation, Reason::kQuantizationUnsupported, Detail::kOperator},
    {runtime::Error::kArenaTooSmall, Reason::kArenaPlanTooLarge, Detail::kNothing},
    {runtime::Error::kInputMismatch, Reason::kIoMismatch, Detail::kInput},
    {runtime::Error::kOutputMismatch, Reason::kIoMismatch, Detail::kOutput},
    {runtime::Error::kEngineRefused, Reason::kPrepareFailed, Detail::kOperator},
    {runtime::Error::kInvokeFailed, Reason::kInvokeFailed, Detail::kOperatorIndex},
    {runtime::Error::kSelfTestMismatch, Reason::kSelfTestFailed, Detail::kNothing},
    {runtime::Error::kSelfTestInvalid, Reason::kSelfTestFailed, Detail::kNothing},
    {runtime::Error::kNoModel, Reason::kNothingToReturnTo, Detail::kNothing},
};

uint32_t detail_of(Detail detail, const runtime::Report& report) {
  switch (detail) {
    case Detail::kNothing:
      break;
    case Detail::kOperator:
      return static_cast<uint32_t>(report.op);
    case Detail::kInput:
      return static_cast<uint32_t>(report.tensor);
    case Detail::kOutput:
      return 0x8000u + static_cast<uint32_t>(report.tensor);
    case Detail::kOperatorIndex:
      return static_cast<uint32_t>(report.op_index);
  }
  return 0;
}

}  // namespace

Cause cause_of(storage::Error error) {
  for (const StorageRow& row : kStorageRows) {
    if (row.error == error) return row.reason;
  }
  return Cause(Reason::kInternal, static_cast<uint16_t>(error));
}

Cause cause_of(runtime::Error error, const runtime::Report& report) {
  for (const RuntimeRow& row : kRuntimeRows) {
    if (row.error == error) return because(row.reason, detail_of(row.detail, report));
  }
  return Cause(Reason::kModelMalformed, static_cast<uint16_t>(error));
}

Reason reason_from_kept(uint8_t kept) {
  switch (kept) {
    case storage::kReasonNone:
    case storage::kReasonErased:
      return Reason::kOk;
    case storage::kReasonAttemptsSpent:
      return Reason::kAttemptsSpent;
    case storage::kReasonDisplaced:
      return Reason::kDisplaced;
    case storage::kReasonHangs:
      return Reason::kWatchdogResets;
    default:
      break;
  }
  if (kept < storage::kReasonCallerFirst) return Reason::kInternal;
  return static_cast<Reason>(kept - storage::kReasonCallerFirst);
}

}  // namespace device
}  // namespace roost
