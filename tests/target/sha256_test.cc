// The port's SHA-256 against the examples of FIPS 180-4 and lengths around the block and padding borders.
#include <gtest/gtest.h>

#include <string>

#include "device/ports/common/sha256.h"

namespace roost::device {
namespace {

std::string hex(const Sha256& digest) {
  std::string text;
  for (uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string digest_of(const std::string& text, size_t piece = 1000) {
  SoftwareSha256 digest;
  for (size_t at = 0; at < text.size(); at += piece) {
    const std::string part = text.substr(at, piece);
    digest.update(Bytes(reinterpret_cast<const uint8_t*>(part.data()), part.size()));
  }
  return hex(digest.finish());
}

TEST(SoftwareSha256, MatchesThePublishedExamples) {
  EXPECT_EQ(digest_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest_of(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(SoftwareSha256, DoesNotCareHowTheBytesAreCut) {
  const std::string text(200, 'x');
  for (size_t piece = 1; piece <= 130; ++piece) EXPECT_EQ(digest_of(text, piece), digest_of(text));
}

TEST(SoftwareSha256, StartsOverAfterReset) {
  SoftwareSha256 digest;
  digest.update(Bytes(reinterpret_cast<const uint8_t*>("zzz"), 3));
  digest.finish();
  digest.reset();
  digest.update(Bytes(reinterpret_cast<const uint8_t*>("abc"), 3));
  EXPECT_EQ(hex(digest.finish()), digest_of("abc"));
}

}  // namespace
}  // namespace roost::device
