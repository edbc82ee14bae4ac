#include "device/ports/common/sha256.h"

#include <string.h>

namespace roost {
namespace device {
namespace {

constexpr uint32_t kBlockBytes = 64;

const uint32_t kStart[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

const uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t rotate_right(uint32_t x, uint32_t n) {
  return (x >> n) | (x << (32 - n));
}

}  // namespace

void SoftwareSha256::reset() {
  memcpy(state_, kStart, sizeof state_);
  size_bytes_ = 0;
}

void SoftwareSha256::update(Bytes bytes) {
  for (uint8_t byte : bytes) push(byte);
}

void SoftwareSha256::push(uint32_t byte) {
  const uint32_t at = size_bytes_++ % kBlockBytes;
  uint32_t& word = schedule_[at / 4];
  word = (word << 8) | byte;
  if (at == kBlockBytes - 1) compress();
}

Sha256 SoftwareSha256::finish() {
  const uint32_t size = size_bytes_;
  push(0x80);
  while (size_bytes_ % kBlockBytes != kBlockBytes - 8) push(0);
  for (const uint32_t size_bits : {size >> 29, size << 3}) {
    for (int shift = 24; shift >= 0; shift -= 8) push(size_bits >> shift & 0xFF);
  }
  Sha256 out;
  for (uint32_t i = 0; i < kSha256Bytes; ++i) {
    uint32_t& word = state_[i / 4];
    out.data()[i] = static_cast<uint8_t>(word >> 24);
    word <<= 8;
  }
  return out;
}

// The eight working variables are a window, a to h, that moves down by one a round.
void SoftwareSha256::compress() {
  uint32_t variables[64 + 8];
  uint32_t* window = variables + 64;
  memcpy(window, state_, sizeof state_);
  for (uint32_t round = 0; round < 64; ++round) {
    uint32_t& word = schedule_[round % 16];
    if (round >= 16) {
      const uint32_t w15 = schedule_[(round + 1) % 16];
      const uint32_t w2 = schedule_[(round + 14) % 16];
      word += (rotate_right(w15, 7) ^ rotate_right(w15, 18) ^ (w15 >> 3)) + schedule_[(round + 9) % 16] +
              (rotate_right(w2, 17) ^ rotate_right(w2, 19) ^ (w2 >> 10));
    }
    const uint32_t a = window[0], b = window[1], c = window[2];
    const uint32_t e = window[4], f = window[5], g = window[6];
    const uint32_t t1 = window[7] + (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) +
                        (g ^ (e & (f ^ g))) + kRound[round] + word;
    const uint32_t t2 =
        (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) + ((a & (b | c)) | (b & c));
    window[3] += t1;  // d is the next round's e
    *--window = t1 + t2;
  }
  for (uint32_t i = 0; i < 8; ++i) state_[i] += window[i];
}

}  // namespace device
}  // namespace roost
