#include "device/agent/reasons.h"

namespace roost {
namespace device {

using protocol::PackageState;
using protocol::Reason;
using storage::SlotState;

Cause because(Reason reason, uint32_t detail) {
  return Cause(reason, static_cast<uint16_t>(detail > 0xFFFF ? 0xFFFF : detail));
}

namespace {

// By storage::Error, in its order. kInternal: our own mistake, and the detail is the error's number.
const Reason kStorageReasons[] = {
    Reason::kOk,                 // kNone
    Reason::kInternal,           // kMisuse
    Reason::kFlashFailed,        // kReadFailed
    Reason::kFlashFailed,        // kProgramFailed
    Reason::kFlashFailed,        // kEraseFailed
    Reason::kBusy,               // kFlashBusy
    Reason::kFlashFailed,        // kNoPower
    Reason::kStorageDamaged,     // kBadGeometry
    Reason::kStorageDamaged,     // kScratchTooSmall
    Reason::kDoesNotFit,         // kTooLarge
    Reason::kManifestMismatch,   // kBadPackage
    Reason::kTrialOpen,          // kTrialOpen
    Reason::kOtherPackageKept,   // kBusy
    Reason::kEraseBudgetSpent,   // kEraseBudget
    Reason::kRejectedBefore,     // kRejectedBefore
    Reason::kAlreadyHere,        // kAlreadyStored
    Reason::kCounterTooLow,      // kCounterTooLow
    Reason::kNoFreeSlot,         // kNoFreeSlot
    Reason::kInternal,           // kWrongState
    Reason::kBusy,               // kNotReady
    Reason::kPageUnreadable,     // kReadBack
    Reason::kDigestMismatch,     // kDigestMismatch
    Reason::kAttemptsSpent,      // kAttemptsSpent
    Reason::kNothingToReturnTo,  // kNothingToReturnTo
    Reason::kBusy,               // kInUse
};
static_assert(sizeof kStorageReasons == 1 + static_cast<size_t>(storage::Error::kInUse), "one for each");

// The number that goes with a reason.
enum class Detail : uint8_t { kNothing, kOperator, kTensor, kOutput, kOperatorIndex };

struct RuntimeRow {
  runtime::Error error;
  Reason reason;
  Detail detail;
};

// Everything else says that the model is no good: kModelMalformed, with the error's number.
const RuntimeRow kRuntimeRows[] = {
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
    {runtime::Error::kInputMismatch, Reason::kIoMismatch, Detail::kTensor},
    {runtime::Error::kOutputMismatch, Reason::kIoMismatch, Detail::kOutput},
    {runtime::Error::kEngineRefused, Reason::kPrepareFailed, Detail::kOperator},
    {runtime::Error::kInvokeFailed, Reason::kInvokeFailed, Detail::kOperatorIndex},
    {runtime::Error::kSelfTestMismatch, Reason::kSelfTestFailed, Detail::kTensor},
    {runtime::Error::kSelfTestInvalid, Reason::kSelfTestFailed, Detail::kTensor},
};

uint32_t detail_of(Detail detail, const runtime::Report& report) {
  if (detail == Detail::kNothing) return 0;
  if (detail == Detail::kOperator) return static_cast<uint32_t>(report.op);
  if (detail == Detail::kOperatorIndex) return static_cast<uint32_t>(report.op_index);
  return static_cast<uint32_t>(report.tensor) + (detail == Detail::kOutput ? 0x8000 : 0);
}

}  // namespace

Cause cause_of(storage::Status status) {
  const size_t error = static_cast<size_t>(status.error());
  const Reason reason = kStorageReasons[error];
  return Cause(reason, static_cast<uint16_t>(reason == Reason::kInternal ? error : 0));
}

Cause cause_of(const runtime::Report& report) {
  for (const RuntimeRow& row : kRuntimeRows) {
    if (row.error == report.error) return because(row.reason, detail_of(row.detail, report));
  }
  return Cause(Reason::kModelMalformed, static_cast<uint16_t>(report.error));
}

PackageState package_state(const storage::SlotRecord& slot) {
  // kUnknown, kClearing, kErased, kReceiving, kPending, kTrial, kConfirmed, kRetired, kRejected.
  static const PackageState kStates[] = {
      PackageState::kEmpty,     PackageState::kErasing,   PackageState::kEmpty,
      PackageState::kReceiving, PackageState::kVerified,  PackageState::kTrial,
      PackageState::kConfirmed, PackageState::kConfirmed, PackageState::kRejected};
  static_assert(static_cast<size_t>(SlotState::kRejected) + 1 == sizeof kStates, "one for each, in their order");
  if (slot.state == SlotState::kRejected && slot.attempts_made > 0) return PackageState::kRolledBack;
  return kStates[static_cast<size_t>(slot.state)];
}

}  // namespace device
}  // namespace roost
