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
const RecordField kFields[] = {ROOST_FIELD(Notice, extra),      ROOST_FIELD(Notice, epoch),
                               ROOST_FIELD(Notice, package_id), ROOST_FIELD(Notice, about),
                               ROOST_FIELD(Notice, reason),     ROOST_FIELD(Notice, detail),
                               ROOST_FIELD(Notice, extra),      kRecordEnd};

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

Frame encode(const Notice& notice) {
  const size_t index = static_cast<size_t>(notice.type) - static_cast<size_t>(MessageType::kAccept);
  uint8_t layout = index < sizeof(kLayouts) ? kLayouts[index] : kNewsLayout;
  Frame frame;
  frame.data[0] = static_cast<uint8_t>(notice.type);
  frame.size = 1;
  for (const RecordField* field = kFields; layout != 0; ++field, layout = static_cast<uint8_t>(layout >> 1)) {
    if ((layout & 1) == 0) continue;
    const RecordField one[] = {*field, kRecordEnd};
    frame.size = static_cast<uint8_t>(frame.size + store_record(one, &notice, frame.data.data() + frame.size));
  }
  return frame;
}

}  // namespace protocol
}  // namespace roost
