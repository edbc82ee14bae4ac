#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace roost::host {
namespace {

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::string failure(const std::string& path, const char* what) {
  return path + ": " + what + ": " + strerror(errno);
}

}  // namespace

bool read_file(const std::string& path, size_t bytes_max, std::vector<uint8_t>* bytes, std::string* error) {
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) {
    *error = failure(path, "cannot open");
    return false;
  }
  return read_open_file(file.fd(), path, bytes_max, bytes, error);
}

bool read_open_file(int fd, const std::string& name, size_t bytes_max, std::vector<uint8_t>* bytes,
                    std::string* error) {
  struct stat about;
  if (fstat(fd, &about) != 0) {
    *error = failure(name, "cannot open");
    return false;
  }
  if (!S_ISREG(about.st_mode)) {
    *error = name + ": not a regular file";
    return false;
  }
  if (static_cast<uint64_t>(about.st_size) > bytes_max) {
    *error = name + ": " + std::to_string(about.st_size) + " bytes, more than the " + std::to_string(bytes_max) +
             " that can be handled";
    return false;
  }
  bytes->resize(static_cast<size_t>(about.st_size));
  size_t done = 0;
  while (done < bytes->size()) {
    ssize_t n = ::pread(fd, bytes->data() + done, bytes->size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      *error = failure(name, "cannot read");
      return false;
    }
    if (n == 0) break;  // it shrank meanwhile
    done += static_cast<size_t>(n);
  }
  bytes->resize(done);
  return true;
}

bool write_all(int fd, Bytes bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

bool write_file(const std::string& path, Bytes bytes, std::string* error) {
  struct stat about;
  if (stat(path.c_str(), &about) == 0 && !S_ISREG(about.st_mode)) {  // /dev/stdout, a FIFO: no renaming
    File file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.fd() >= 0 && write_all(file.fd(), bytes)) return true;
    *error = failure(path, "cannot write");
    return false;
  }
  std::string beside = path + ".XXXXXX";
  File file(mkostemp(beside.data(), O_CLOEXEC));
  mode_t mask = umask(0);
  umask(mask);
  if (file.fd() < 0 || !write_all(file.fd(), bytes) || fchmod(file.fd(), 0666 & ~mask) != 0 ||
      rename(beside.c_str(), path.c_str()) != 0) {
    *error = failure(path, "cannot write");
    if (file.fd() >= 0) unlink(beside.c_str());
    return false;
  }
  return true;
}

}  // namespace roost::host
