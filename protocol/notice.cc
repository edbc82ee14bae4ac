#include "protocol/notice.h"

#include "base/record.h"

namespace roost {
namespace protocol {
namespace {

// Which fields a record has. They stand in this order.
enum : uint8_t {
  kTag = 1,
  kEpoch = 2,
  kPackageId = 4,
  kAbout = 8,
  kReason = 16,
  kDetail = 32,
  kLast = 64,
};
// Each a record by itself.
const RecordField kFields[][2] = {
    {ROOST_FIELD(Notice, extra), kRecordEnd},      {ROOST_FIELD(Notice, epoch), kRecordEnd},
    {ROOST_FIELD(Notice, package_id), kRecordEnd}, {ROOST_FIELD(Notice, about), kRecordEnd},
    {ROOST_FIELD(Notice, reason), kRecordEnd},     {ROOST_FIELD(Notice, detail), kRecordEnd},
    {ROOST_FIELD(Notice, extra), kRecordEnd},
};

// From ACCEPT on; REPORT is made elsewhere.
const uint8_t kLayouts[] = {
    kEpoch | kAbout | kDetail | kLast,        // ACCEPT
    kEpoch | kReason | kDetail,               // REJECT
    0,                                        // REPORT
    0,                                        // REPORT, asked
    kEpoch | kDetail | kLast,                 // REWIND
    kEpoch | kPackageId,                      // STORED
    kEpoch | kPackageId,                      // VERIFIED
    kEpoch | kPackageId | kReason | kDetail,  // FAILED
    kAbout | kDetail,                         // BUSY
    kAbout | kReason | kLast,                 // UNKNOWN
    kTag | kAbout | kReason | kDetail,        // ANSWER
};
constexpr uint8_t kNewsLayout = kPackageId | kReason | kDetail;  // ACTIVE, ROLLED_BACK, CONFIRMED

}  // namespace

void encode(const Notice& notice, Frame* frame) {
  const size_t index = static_cast<size_t>(notice.type) - static_cast<size_t>(MessageType::kAccept);
  uint32_t layout = index < sizeof(kLayouts) ? kLayouts[index] : kNewsLayout;
  uint8_t* out = frame->data.data();
  *out++ = static_cast<uint8_t>(notice.type);
  for (const auto* field = kFields; layout != 0; ++field, layout >>= 1) {
    if ((layout & 1) != 0) out = store_record(*field, &notice, out);
  }
  frame->size = static_cast<uint8_t>(out - frame->data.data());
}

}  // namespace protocol
}  // namespace roost
