// SPDX-License-Identifier: BSD-3-Clause
//
// Pipes: without a name, for processes that inherit it, and with one in the file system.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"
#include "vdev/os/fd.hpp"

namespace bell::compare {
namespace {

using bellwire::os::UniqueFd;

class Pipe final : public Channel {
 public:
  Result<void> open() override {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return bellwire::system_fault("cannot make a pipe");
    out_.reset(ends[0]);
    in_.reset(ends[1]);
    return {};
  }
  Ends ends() const noexcept override { return {.sender = in_.get(), .receiver = out_.get()}; }
  bool send(std::uint64_t number) noexcept override { return write_number(in_.get(), number); }
  Received wait(Numbers numbers) noexcept override { return read_numbers(out_.get(), numbers); }

 private:
  UniqueFd out_, in_;
};

// Opened for reading and writing, so that neither end waits for the other to be opened. Its name
// goes as soon as both ends are open: however the process ends, nothing is left of it.
class Fifo final : public Channel {
 public:
  Result<void> open() override {
    if (::mkfifo(path_.c_str(), S_IRUSR | S_IWUSR) != 0)
      return bellwire::system_fault("cannot make the FIFO {}", path_);
    out_.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    in_.reset(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
    ::unlink(path_.c_str());
    if (!in_.valid()) return bellwire::system_fault("cannot open the FIFO {}", path_);
    return {};
  }
  Ends ends() const noexcept override { return {.sender = in_.get(), .receiver = out_.get()}; }
  bool send(std::uint64_t number) noexcept override { return write_number(in_.get(), number); }
  Received wait(Numbers numbers) noexcept override { return read_numbers(out_.get(), numbers); }

 private:
  static inline unsigned made_ = 0;
  std::string path_ = bellwire::text("/tmp/bell-fifo-{}-{}", ::getpid(), ++made_);
  UniqueFd out_, in_;
};

constexpr Mechanism pipe_rows[] = {
    {"pipe", "write and read, 8 bytes each", "pipes_and_fifos.cpp:Pipe", make<Pipe>},
    {"FIFO", "a pipe with a name in the file system", "pipes_and_fifos.cpp:Fifo", make<Fifo>},
};

}  // namespace

std::span<const Mechanism> pipes_and_fifos() {
  return pipe_rows;
}

}  // namespace bell::compare
