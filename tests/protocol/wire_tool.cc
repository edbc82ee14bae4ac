// The C++ side of roost_wire.py: one request a line on standard input, one answer a line on standard output.
//
//   encode NAME field=number ... [bitmap=hex]   -> hex
//   decode HEX                                  -> NAME field=number ..., or "malformed"
//   fragment EPOCH COUNT HEX                    -> hex of the value
//   chunk PACKAGE_ID INDEX HEX                  -> hex of the encoded chunk
//   info HEX                                    -> decoded and encoded again, or "malformed"
#include <cstdint>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "protocol/chunk.h"
#include "protocol/control.h"
#include "protocol/fragment.h"
#include "protocol/info.h"

namespace roost::protocol {
namespace {

using Buffer = std::vector<uint8_t>;
using Fields = std::map<std::string, std::string>;

Buffer from_hex(const std::string& hex) {
  Buffer bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::string to_hex(Bytes bytes) {
  static const char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

const std::map<std::string, MessageType> kTypes = {{"offer", MessageType::kOffer},
                                                   {"query", MessageType::kQuery},
                                                   {"activate", MessageType::kActivate},
                                                   {"confirm", MessageType::kConfirm},
                                                   {"rollback", MessageType::kRollback},
                                                   {"abort", MessageType::kAbort},
                                                   {"erase_models", MessageType::kEraseModels},
                                                   {"accept", MessageType::kAccept},
                                                   {"reject", MessageType::kReject},
                                                   {"report", MessageType::kReport},
                                                   {"report_asked", MessageType::kReportAsked},
                                                   {"rewind", MessageType::kRewind},
                                                   {"stored", MessageType::kStored},
                                                   {"verified", MessageType::kVerified},
                                                   {"failed", MessageType::kFailed},
                                                   {"busy", MessageType::kBusy},
                                                   {"unknown", MessageType::kUnknown},
                                                   {"answer", MessageType::kAnswer},
                                                   {"active", MessageType::kActive},
                                                   {"rolled_back", MessageType::kRolledBack},
                                                   {"confirmed", MessageType::kConfirmed}};

// Each message's fields by name, once, for reading and for writing.
struct Get {
  const Fields& fields;
  template <typename T>
  void operator()(const char* name, T& value) const {
    value = static_cast<T>(std::stoul(fields.at(name)));
  }
};
struct Put {
  std::ostream& out;
  template <typename T>
  void operator()(const char* name, const T& value) const {
    out << ' ' << name << '=' << static_cast<uint64_t>(value);
  }
};

template <typename F>
void visit(Offer& m, F f) {
  f("version", m.version), f("flags", m.flags), f("epoch", m.epoch), f("package_id", m.package_id);
  f("manifest_size", m.manifest_size), f("payload_size", m.payload_size), f("fragment_payload", m.fragment_payload);
}
template <typename F>
void visit(Query& m, F f) {
  f("epoch", m.epoch), f("last_sent", m.last_sent);
}
template <typename F>
void visit(Request& m, F f) {
  f("tag", m.tag), f("flags", m.flags), f("package_id", m.package_id);
}
template <typename F>
void visit(Accept& m, F f) {
  f("epoch", m.epoch), f("chunk_log2", m.chunk_log2), f("resume_chunk", m.resume_chunk), f("limit", m.limit);
}
template <typename F>
void visit(Reject& m, F f) {
  f("epoch", m.epoch), f("reason", m.reason), f("detail", m.detail);
}
template <typename F>
void visit(Report& m, F f) {
  f("epoch_low", m.epoch_low), f("next_wanted", m.next_wanted), f("limit", m.limit),
      f("durable_low", m.durable_low);
}
template <typename F>
void visit(Rewind& m, F f) {
  f("epoch", m.epoch), f("chunk", m.chunk), f("limit", m.limit);
}
template <typename F>
void visit(Milestone& m, F f) {
  f("epoch", m.epoch), f("package_id", m.package_id);
}
template <typename F>
void visit(Failed& m, F f) {
  f("epoch", m.epoch), f("package_id", m.package_id), f("reason", m.reason), f("detail", m.detail);
}
template <typename F>
void visit(Busy& m, F f) {
  f("about", m.about), f("tag", m.tag);
}
template <typename F>
void visit(Unknown& m, F f) {
  f("about", m.about), f("reason", m.reason), f("version", m.version);
}
template <typename F>
void visit(Answer& m, F f) {
  f("tag", m.tag), f("about", m.about), f("reason", m.reason), f("detail", m.detail);
}
template <typename F>
void visit(StateChange& m, F f) {
  f("package_id", m.package_id), f("reason", m.reason), f("detail", m.detail);
}

void read_extra(Report& m, MessageType type, const Fields& fields) {
  m.asked = type == MessageType::kReportAsked;
  const Buffer bitmap = from_hex(fields.at("bitmap"));
  m.bitmap_size = static_cast<uint8_t>(bitmap.size());
  for (size_t i = 0; i < bitmap.size(); ++i) m.bitmap[i] = bitmap[i];
}
template <typename M>
void read_extra(M& m, MessageType type, const Fields&) {
  if constexpr (requires { m.type; }) m.type = type;
}
void write_extra(const Report& m, std::ostream& out) {
  out << " bitmap=" << to_hex(Bytes(m.bitmap.data(), m.bitmap_size));
}
template <typename M>
void write_extra(const M&, std::ostream&) {}

template <typename M>
std::string encode_fields(MessageType type, const Fields& fields) {
  M message;
  visit(message, Get{fields});
  read_extra(message, type, fields);
  return to_hex(encode(message).bytes());
}

template <typename M>
std::string decode_fields(const std::string& name, Result<M> decoded) {
  if (!decoded.ok()) return "malformed";
  M message = decoded.value();
  std::ostringstream out;
  out << name;
  visit(message, Put{out});
  write_extra(message, out);
  return out.str();
}

std::string encode_line(const std::string& name, const Fields& fields) {
  const MessageType type = kTypes.at(name);
  switch (type) {
    case MessageType::kOffer:
      return encode_fields<Offer>(type, fields);
    case MessageType::kQuery:
      return encode_fields<Query>(type, fields);
    case MessageType::kActivate:
    case MessageType::kConfirm:
    case MessageType::kRollback:
    case MessageType::kAbort:
    case MessageType::kEraseModels:
      return encode_fields<Request>(type, fields);
    case MessageType::kAccept:
      return encode_fields<Accept>(type, fields);
    case MessageType::kReject:
      return encode_fields<Reject>(type, fields);
    case MessageType::kReport:
    case MessageType::kReportAsked:
      return encode_fields<Report>(type, fields);
    case MessageType::kRewind:
      return encode_fields<Rewind>(type, fields);
    case MessageType::kStored:
    case MessageType::kVerified:
      return encode_fields<Milestone>(type, fields);
    case MessageType::kFailed:
      return encode_fields<Failed>(type, fields);
    case MessageType::kBusy:
      return encode_fields<Busy>(type, fields);
    case MessageType::kUnknown:
      return encode_fields<Unknown>(type, fields);
    case MessageType::kAnswer:
      return encode_fields<Answer>(type, fields);
    case MessageType::kActive:
    case MessageType::kRolledBack:
    case MessageType::kConfirmed:
      return encode_fields<StateChange>(type, fields);
  }
  return "malformed";
}

std::string decode_line(Bytes bytes) {
  for (const auto& [name, type] : kTypes) {
    if (message_type(bytes) != static_cast<uint8_t>(type)) continue;
    switch (type) {
      case MessageType::kOffer:
        return decode_fields(name, decode_offer(bytes));
      case MessageType::kQuery:
        return decode_fields(name, decode_query(bytes));
      case MessageType::kActivate:
      case MessageType::kConfirm:
      case MessageType::kRollback:
      case MessageType::kAbort:
      case MessageType::kEraseModels:
        return decode_fields(name, decode_request(bytes));
      case MessageType::kAccept:
        return decode_fields(name, decode_accept(bytes));
      case MessageType::kReject:
        return decode_fields(name, decode_reject(bytes));
      case MessageType::kReport:
      case MessageType::kReportAsked:
        return decode_fields(name, decode_report(bytes));
      case MessageType::kRewind:
        return decode_fields(name, decode_rewind(bytes));
      case MessageType::kStored:
      case MessageType::kVerified:
        return decode_fields(name, decode_milestone(bytes));
      case MessageType::kFailed:
        return decode_fields(name, decode_failed(bytes));
      case MessageType::kBusy:
        return decode_fields(name, decode_busy(bytes));
      case MessageType::kUnknown:
        return decode_fields(name, decode_unknown(bytes));
      case MessageType::kAnswer:
        return decode_fields(name, decode_answer(bytes));
      case MessageType::kActive:
      case MessageType::kRolledBack:
      case MessageType::kConfirmed:
        return decode_fields(name, decode_state_change(bytes));
    }
  }
  return "malformed";
}

std::string fragment_line(uint16_t epoch, uint32_t count, const Buffer& payload) {
  Buffer value(payload.size() + kFragmentOverheadBytes);
  std::copy(payload.begin(), payload.end(), value.begin() + kFragmentHeaderBytes);
  seal_fragment(epoch, count, payload.size(), value);
  return to_hex(value);
}

std::string chunk_line(uint32_t package_id, uint32_t index, const Buffer& page) {
  Buffer out(page.size() + kChunkOverheadBytes);
  ChunkHead head;
  head.encoded_size = static_cast<uint16_t>(page.size());
  encode_chunk_head(head, out.data());
  std::copy(page.begin(), page.end(), out.begin() + kChunkHeadBytes);
  store_le32(out.data() + kChunkHeadBytes + page.size(), chunk_crc(package_id, index, page));
  return to_hex(out);
}

std::string info_line(const Buffer& value) {
  Info info;
  if (!decode_info(value, &info).ok()) return "malformed";
  Buffer out(kInfoBytesMax);
  const Result<uint16_t> size = encode_info(info, out);
  return size.ok() ? to_hex(Bytes(out.data(), size.value())) : "malformed";
}

std::string answer(const std::string& line) {
  std::istringstream in(line);
  std::string verb, name, hex, word;
  in >> verb;
  if (verb == "encode") {
    Fields fields;
    in >> name;
    while (in >> word) fields[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    return encode_line(name, fields);
  }
  if (verb == "fragment" || verb == "chunk") {
    uint32_t first = 0, second = 0;
    in >> first >> second >> hex;
    return verb == "chunk" ? chunk_line(first, second, from_hex(hex))
                           : fragment_line(static_cast<uint16_t>(first), second, from_hex(hex));
  }
  in >> hex;
  return verb == "info" ? info_line(from_hex(hex)) : decode_line(from_hex(hex));
}

}  // namespace
}  // namespace roost::protocol

int main() {
  std::string line;
  while (std::getline(std::cin, line)) std::cout << roost::protocol::answer(line) << std::endl;
}
