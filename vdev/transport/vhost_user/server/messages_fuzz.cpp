// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against the back-end. The input is what a hostile front-end sends: messages, each
// behind a byte that tells how many descriptors come along, and of which kind; or that the memory
// file is truncated at this point. Then it goes, an honest one comes, and must be answered; nothing
// of the first may be left, and no descriptor may have been lost.
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "vdev/fuzz/check.hpp"
#include "vdev/log/log.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/transport/vhost_user/protocol/messages.hpp"
#include "vdev/transport/vhost_user/server/server.hpp"

using namespace bellwire;
using namespace bellwire::vhost_user;

namespace {

using fuzz::lowest_free_fd;
using fuzz::require;

using Input = std::span<const std::byte>;

constexpr std::uint64_t file_size = 1 << 16;
constexpr std::uint8_t truncation = 0xFF;
constexpr std::size_t most_said = 1 << 14;  // bytes at once: the socket takes them
constexpr unsigned most_turns = 1000;

struct Fds {
  os::UniqueFd near, far;
  Fds() {
    std::array<int, 2> fds{};
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) == 0);
    near.reset(fds[0]);
    far.reset(fds[1]);
  }
};

// Answers at once; holds the last request of a turn until the next, or until it is canceled.
struct Filler final : virtio::Device {
  [[nodiscard]] virtio::Traits traits() const noexcept override {
    return {.kind = "filler", .id = VIRTIO_ID_RNG, .queues = 2, .config_size = 8};
  }
  void handle(virtio::Request request) noexcept override {
    for (const auto& buffer : request.writable()) std::ranges::fill(buffer, std::byte{1});
    held = std::move(request);
  }
  void cancel(unsigned) noexcept override { held.reset(); }
  std::optional<virtio::Request> held;
};

// What a message may bring: eventfds, memory that is sealed, memory that isn't, and a socket.
struct Things {
  static constexpr unsigned kinds = 4;
  os::EventFd event = os::EventFd::create_shared().value();
  os::UniqueFd sealed = os::create_memfd("sealed", file_size).value();
  os::UniqueFd loose{::memfd_create("loose", MFD_CLOEXEC)};
  Fds channel;

  void mend() const { require(::ftruncate(loose.get(), file_size) == 0); }
  void truncate() const { require(::ftruncate(loose.get(), 0) == 0); }
  [[nodiscard]] std::vector<int> take(std::uint8_t chosen) const {
    const int fds[kinds] = {event.fd(), sealed.get(), loose.get(), channel.far.get()};
    return std::vector<int>(chosen / kinds % 12, fds[chosen % kinds]);
  }
};

struct Target {
  boost::asio::io_context context{one_thread};
  Filler device;
  DmaSpace memory;
  virtio::Backend backend = virtio::Backend::create(context, device, memory).value();

  void run() {
    context.restart();
    for (unsigned turn = 0; turn < most_turns && context.poll_one() > 0; ++turn) {
    }
  }
};

// A front-end's connection, to its end.
class Connection {
 public:
  explicit Connection(Target& target)
      : target_(target),
        server_(Server::create(target.context, target.backend, target.memory,
                               {.path = "fuzz", .socket = std::move(fds_.near)})
                    .value()) {}

  /// False: it is closed.
  bool say(Input bytes, const std::vector<int>& fds) {
    if (!os::send_parcel(fds_.far.get(), bytes, fds)) return false;
    target_.run();
    for (;;) {
      auto answer = reader_.next(fds_.far.get());
      if (!answer) return false;
      if (!*answer) return true;
      require((*answer)->header.flags == 5);
      ++answers;
    }
  }

  unsigned answers = 0;

 private:
  Target& target_;
  Fds fds_;
  Server server_;
  FrameReader reader_;
};

// The next message of the input: as long as its header says, if that makes sense.
Input cut(Input& input) {
  const auto header = head<Header>(input);
  const bool sensible = header && header->size <= most_said;
  const auto size = sensible ? sizeof(Header) + header->size : input.size();
  const auto message = input.first(std::min({size, input.size(), most_said}));
  input = input.subspan(message.size());
  return message;
}

void attack(Target& target, const Things& things, Input input) {
  Connection connection(target);
  while (!input.empty()) {
    const auto chosen = static_cast<std::uint8_t>(input.front());
    input = input.subspan(1);
    if (chosen == truncation) {
      things.truncate();
      continue;
    }
    if (input.empty() || !connection.say(cut(input), things.take(chosen))) return;
    target.device.held.reset();
    things.event.ring();
  }
  target.run();
}

void visit(Target& target) {
  Connection honest(target);
  require(honest.say(pack(Request::get_features, Input()), {}));
  require(honest.say(pack(Request::get_protocol_features, Input()), {}));
  require(honest.answers == 2);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*arguments*/) {
  log::set_level(log::Level::off);
  require(os::prepare_signals().has_value());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Target target;
  static const Things things;
  things.mend();
  const int before = lowest_free_fd();
  attack(target, things, std::as_bytes(std::span(data, size)));
  require(target.memory.regions() == 0);
  for (unsigned queue = 0; queue < 2; ++queue) require(!target.backend.started(queue));
  visit(target);
  target.run();
  require(lowest_free_fd() == before);
  return 0;
}
