// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against the server's side: framing, commands, and the replies to our DMA. The input is
// what a hostile client sends: messages, each after a byte with the number and kind of its
// descriptors. In the end the client leaves, an honest one connects and must be served, and no
// descriptor may have leaked.
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "vdev/fuzz/check.hpp"
#include "vdev/log/log.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/testing/pci_test_function.hpp"
#include "vdev/transport/vfio_user/server/commands.hpp"
#include "vdev/transport/vfio_user/server/dma.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;

namespace {

using fuzz::lowest_free_fd;
using fuzz::require;

using Input = std::span<const std::byte>;

// What a message may bring: eventfds, memory that is sealed, and memory that isn't.
struct Things {
  static constexpr unsigned kinds = 3;
  os::EventFd event = os::EventFd::create().value();
  os::UniqueFd sealed = os::create_memfd("sealed", 1 << 16).value();
  os::UniqueFd loose{::memfd_create("loose", MFD_CLOEXEC)};

  [[nodiscard]] std::vector<int> take(std::uint8_t chosen) const {
    const int fds[kinds] = {event.fd(), sealed.get(), loose.get()};
    return std::vector<int>(chosen / kinds % 32, fds[chosen % kinds]);
  }
};

// A client's connection, as a Session has it, without waiting.
class Connection {
 public:
  explicit Connection(pci::Function& function) : function_(function), commands_(function) {
    std::array<int, 2> fds{};
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) == 0);
    near_.reset(fds[0]);
    far_.reset(fds[1]);
    function.memory().use(&link_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    function_.memory().use(nullptr);
    function_.memory().clear();
    link_.fail(fault(std::errc::bad_address, "the guest is gone"));
  }

  /// False: it is closed.
  bool say(Input bytes, const std::vector<int>& fds) {
    const auto sent = os::send_parcel(far_.get(), bytes, fds);
    require(sent.has_value());
    for (;;) {
      auto message = reader_.next(near_.get());
      if (!message) return false;
      if (!*message) return true;
      if ((*message)->reply() ? !link_.take(**message) : !answer(std::move(**message)))
        return false;
      while (auto out = link_.next()) require(out->size() <= most_message);
    }
  }

  bool answer(Message request) {
    const auto reply = commands_.handle(std::move(request));
    require(!reply || reply->payload.size() <= most_message - sizeof(Header));
    require(!reply || reply->fds.size() <= most_message_fds);
    answered = reply.has_value();
    return true;
  }

  bool answered = false;

 private:
  pci::Function& function_;
  os::UniqueFd near_;
  os::UniqueFd far_;
  FrameReader reader_;
  Commands commands_;
  DmaLink link_{[] {}};
};

// The next message of the input: as long as its header says, if that makes sense.
Input cut(Input& input) {
  const auto header = head<Header>(input);
  const bool sensible = header && header->size >= sizeof(Header);
  const auto size = std::min<std::size_t>(input.size(), sensible ? header->size : input.size());
  const auto message = input.first(std::min<std::size_t>(size, 1 << 16));  // the socket takes it
  input = input.subspan(message.size());
  return message;
}

void attack(pci::Function& function, const Things& things, Input input) {
  Connection connection(function);
  while (!input.empty()) {
    const auto fds = things.take(static_cast<std::uint8_t>(input.front()));
    input = input.subspan(1);
    if (input.empty() || !connection.say(cut(input), fds)) return;
  }
}

void visit(pci::Function& function) {
  Connection honest(function);
  const auto ask = [&](Command command, const Bytes& payload) {
    honest.answered = false;
    return honest.say(pack(command_header(command, 1), payload), {}) && honest.answered;
  };
  require(ask(Command::version, write_version()));
  Bytes access;
  append(access, RegionAccess{0, 0, 4});
  require(ask(Command::region_read, access));
  require(ask(Command::device_reset, {}));
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*arguments*/) {
  log::set_level(log::Level::off);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static TestFunction function(1 << 16);
  static const Things things;
  const int before = lowest_free_fd();
  function.reset();
  attack(function, things, std::as_bytes(std::span(data, size)));
  require(function.memory().regions() == 0);
  require(lowest_free_fd() == before);
  visit(function);
  return 0;
}
