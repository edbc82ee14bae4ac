// Links the lower folders and the agent as a board does: gnu++14, no exceptions, no RTTI, no libstdc++. The whole
// of each archive is in this program (see CMakeLists.txt); main calls into each one, so that it is seen to run.

#include "base/crc.h"
#ifdef ROOST_HAS_PROTOCOL
#include "protocol/fragment.h"
#endif
#ifdef ROOST_HAS_STORAGE
#include "storage/layout.h"
#endif
#ifdef ROOST_HAS_RUNTIME
#include "runtime/report.h"
#endif
#ifdef ROOST_HAS_DEVICE
#include "device/agent/reasons.h"
#endif

int main() {
  bool good = true;
  const uint8_t digits[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  good = good && roost::crc32(0, digits) == 0xCBF43926u;
#ifdef ROOST_HAS_PROTOCOL
  good = good && roost::protocol::resolve_count(0xFFFF, 0x10000) == 0xFFFF;
#endif
#ifdef ROOST_HAS_STORAGE
  good = good && !roost::storage::Layout().set(roost::storage::FlashGeometry(), 2, 4096).ok();
#endif
#ifdef ROOST_HAS_RUNTIME
  good = good && roost::runtime::operator_name(roost::runtime::tflite::BuiltinOperator::CONV_2D)[0] == 'C';
#endif
#ifdef ROOST_HAS_DEVICE
  good = good && roost::device::reason_from_kept(0) == roost::protocol::Reason::kOk;
#endif
  return good ? 0 : 1;
}
