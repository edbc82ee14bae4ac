// Bytes that start at a multiple of 16, as a slot in flash and an arena do.
#pragma once

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/span.h"

namespace roost::target_test {

class Aligned {
 public:
  explicit Aligned(size_t size = 0) : blocks_((size + 15) / 16), size_(size) {}
  explicit Aligned(const std::vector<uint8_t>& bytes) : Aligned(bytes.size()) {
    if (!bytes.empty()) std::memcpy(blocks_.data(), bytes.data(), bytes.size());
  }
  MutableBytes bytes() { return MutableBytes(reinterpret_cast<uint8_t*>(blocks_.data()), size_); }

 private:
  struct alignas(16) Block {
    uint8_t bytes[16] = {};
  };
  std::vector<Block> blocks_;
  size_t size_;
};

inline std::vector<uint8_t> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(in), {});
}

}  // namespace roost::target_test
