// The errors of this folder's functions. What goes over the wire is protocol/reason.h, another matter.
#pragma once

#include <stdint.h>

#include "base/result.h"

namespace roost {
namespace protocol {

enum class Error : uint8_t {
  kNone = 0,
  kTooShort,   // fewer bytes than the format needs: drop the message, or read the whole value
  kTooLong,    // more bytes than the format allows, or than the buffer given holds
  kWrongType,  // another message, another file identifier: ask another decoder
  kVersion,    // a protocol version we do not speak: say so to the peer
  kChecksum,   // a CRC does not match: drop the bytes and let the sender repeat them
  kRange,      // a field has a value the format forbids: drop the message
  kIllegal,    // the machine is in a state where this answer or input makes no sense: nothing was changed
};

using Status = roost::Status<Error>;
template <typename T>
using Result = roost::Result<T, Error>;

}  // namespace protocol
}  // namespace roost
