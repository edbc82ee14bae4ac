// Files in and out, with limits and sentences.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/span.h"

namespace roost::host {

// False with a sentence when it cannot be read, is not a regular file, or is larger than `bytes_max`.
bool read_file(const std::string& path, size_t bytes_max, std::vector<uint8_t>* bytes, std::string* error);

// The same of a file that is open; `name` is for the sentence. Reads from its beginning.
bool read_open_file(int fd, const std::string& name, size_t bytes_max, std::vector<uint8_t>* bytes,
                    std::string* error);

// False with errno when not all of it was written.
bool write_all(int fd, Bytes bytes);

// Written beside the target and renamed, so that a failure leaves what was there.
bool write_file(const std::string& path, Bytes bytes, std::string* error);

}  // namespace roost::host
