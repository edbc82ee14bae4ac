// Any bytes into every decoder of the wire: what decodes encodes back to the same bytes, and nothing reads outside.
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "protocol/chunk.h"
#include "protocol/control.h"
#include "protocol/fragment.h"
#include "protocol/info.h"

namespace roost::protocol {
namespace {

template <typename M>
void check(Result<M> decoded, Bytes input) {
  if (decoded.ok()) ROOST_ASSERT(same_bytes(encode(decoded.value()).bytes(), input));
}

void check_report(Bytes input) {
  const Result<Report> decoded = decode_report(input);
  if (!decoded.ok()) return;
  for (uint32_t beyond = 1; beyond < 200; ++beyond) (void)decoded.value().has(beyond);
  const Frame frame = encode(decoded.value());
  ROOST_ASSERT(frame.size <= input.size());  // trailing zeros are left out
  ROOST_ASSERT(same_bytes(frame.bytes(), input.first(frame.size)));
}

void check_info(Bytes input) {
  Info info;
  (void)decode_info_head(input);
  (void)decode_advertised(input);
  if (!decode_info(input, &info).ok()) return;
  std::vector<uint8_t> out(kInfoBytesMax);
  ROOST_ASSERT(encode_info(info, out).ok());
}

void check_fragment(Bytes input) {
  const Result<Fragment> fragment = split_fragment(input);
  if (!fragment.ok()) return;
  const uint32_t count = resolve_count(fragment.value().number, 70000);
  ROOST_ASSERT(static_cast<uint16_t>(count) == fragment.value().number);
  std::vector<uint8_t> again(input.begin(), input.end());
  seal_fragment(7, count, fragment.value().payload.size(), again);
  ROOST_ASSERT(split_fragment(again).value().crc() == fragment_crc(7, count, fragment.value().payload));
}

void check_chunk_head(Bytes input) {
  if (input.size() < kChunkHeadBytes) return;
  uint8_t again[kChunkHeadBytes];
  encode_chunk_head(decode_chunk_head(input.data()), again);
  ROOST_ASSERT(same_bytes(Bytes(again), input.first(kChunkHeadBytes)));
}

}  // namespace

void check_all(Bytes input) {
  check(decode_offer(input), input);
  check(decode_query(input), input);
  check(decode_request(input), input);
  check(decode_accept(input), input);
  check(decode_reject(input), input);
  check(decode_rewind(input), input);
  check(decode_milestone(input), input);
  check(decode_failed(input), input);
  check(decode_busy(input), input);
  check(decode_unknown(input), input);
  check(decode_answer(input), input);
  check(decode_state_change(input), input);
  check_report(input);
  check_info(input);
  check_fragment(input);
  check_chunk_head(input);
}

}  // namespace roost::protocol

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::protocol::check_all(roost::Bytes(data, size));
  return 0;
}
