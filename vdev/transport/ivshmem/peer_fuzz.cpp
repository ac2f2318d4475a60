// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against the device's side of ivshmem. The input is what a hostile server does: messages
// with and without descriptors of every kind, in any order and cut anywhere, memory that changes
// under the device or is truncated. Half of the inputs begin with a greeting as QEMU's server has
// it, so that what follows it is reached. Then an honest server must be served, and no descriptor
// may have been lost.
#include <fuzzer/FuzzedDataProvider.h>
#include <sys/eventfd.h>
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
#include "vdev/ring/layout.hpp"
#include "vdev/transport/ivshmem/peer.hpp"
#include "vdev/transport/ivshmem/protocol.hpp"

namespace bellwire::ivshmem::peer_fuzz {
namespace {

using fuzz::lowest_free_fd;
using fuzz::require;

constexpr std::uint64_t file_size = 64 << 10;
constexpr unsigned most_said = 200;  // messages before anybody reads: the socket takes them
constexpr unsigned most_turns = 1000;
constexpr Id ours = 5, guests = 4;

os::UniqueFd loose_file(std::uint64_t size) {
  os::UniqueFd fd{::memfd_create("loose", MFD_CLOEXEC)};
  require(fd.valid() && ::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
  return fd;
}

// What a message may bring.
struct Things {
  Things() {
    int ends[2];
    require(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    pipe.reset(ends[0]);
    ::close(ends[1]);
  }
  static constexpr unsigned kinds = 7;
  os::EventFd event = os::EventFd::create_shared().value();
  os::EventFd semaphore{
      os::EventFd::adopt(os::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)))
          .value()};
  ring::SharedMemory formatted = ring::create_memory("formatted", file_size, 2, 8).value();
  os::UniqueFd blank = os::create_memfd("blank", file_size).value();
  os::UniqueFd small = loose_file(64), loose = loose_file(file_size);
  os::UniqueFd pipe;

  void mend() const {
    require(::ftruncate(loose.get(), 0) == 0 && ::ftruncate(loose.get(), file_size) == 0);
    std::ranges::fill(formatted.view.bytes(), std::byte{0});
    require(ring::format(formatted.view.bytes(), 2, 8).has_value());
  }
  [[nodiscard]] int fd(unsigned kind) const {
    const int fds[kinds] = {event.fd(),  semaphore.fd(), formatted.fd.get(), blank.get(),
                            small.get(), loose.get(),    pipe.get()};
    return fds[kind];
  }
};

const Things& things() {
  static const Things all;
  return all;
}

// The far end of a peer's socket.
struct Line {
  Line() {
    std::array<int, 2> fds{};
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) == 0);
    near.reset(fds[0]);
    far.reset(fds[1]);
  }
  void say(std::int64_t value, int fd = -1) { require(send(far.get(), value, fd).has_value()); }
  // As QEMU's server says it, with two vectors for each of two peers.
  void greet(const Things& things, const os::UniqueFd& memory) {
    say(protocol_version);
    say(ours);
    say(memory_marker, memory.get());
    for (const Id id : {guests, guests, ours, ours}) say(id, things.event.fd());
  }
  os::UniqueFd near, far;
};

// Waits for nothing: what is not there when the peer looks never comes.
Result<std::unique_ptr<Peer>> join(boost::asio::io_context& context, Line& line,
                                   PeerOptions options) {
  static const auto stopped = os::EventFd::create(1).value();
  options.path = "fuzz";
  options.stop = stopped.fd();
  return Peer::over(context, std::move(line.near), options,
                    {std::chrono::hours(1), std::chrono::hours(1)});
}

void run(boost::asio::io_context& context) {
  context.restart();
  for (unsigned turn = 0; turn < most_turns && context.poll_one() > 0; ++turn) {
  }
}

class Attack {
 public:
  Attack(FuzzedDataProvider& input, const Things& things) : input_(input), things_(things) {}

  void run_all() {
    if (input_.ConsumeBool()) line_.greet(things_, things_.loose);
    const auto messages = input_.ConsumeIntegralInRange<unsigned>(0, 24);
    for (unsigned count = 0; count < messages; ++count) say();
    auto peer = join(context_, line_,
                     {.vectors = input_.ConsumeIntegralInRange<unsigned>(0, 3),
                      .format = input_.ConsumeBool(),
                      .guest = input_.ConsumeBool()});
    if (!peer) return require(!peer.error().message.empty());
    peer_ = std::move(*peer);
    while (input_.remaining_bytes() > 0) (this->*input_.PickValueInArray(actions))();
  }

 private:
  using Action = void (Attack::*)();

  std::int64_t value() {
    switch (input_.ConsumeIntegralInRange(0, 7)) {
      case 0:
        return memory_marker;
      case 1:
        return ours;
      case 2:
      case 3:
        return guests;
      case 4:
        return input_.ConsumeIntegral<std::int64_t>();
      case 5:
        return input_.ConsumeIntegralInRange<std::int64_t>(largest_id - 1, largest_id + 1);
      default:
        return input_.ConsumeIntegralInRange<std::int64_t>(-2, 6);
    }
  }
  int descriptor() {
    const auto kind = input_.ConsumeIntegralInRange<unsigned>(0, Things::kinds + 1);
    return kind < Things::kinds ? things_.fd(kind) : -1;
  }
  void say() {
    if (++said_ > most_said || !line_.far.valid()) return;
    (void)send(line_.far.get(), value(), descriptor());
  }
  // Part of a message, or more than one, with several descriptors.
  void say_bytes() {
    if (++said_ > most_said || !line_.far.valid()) return;
    const auto bytes =
        input_.ConsumeBytes<std::byte>(input_.ConsumeIntegralInRange<std::size_t>(1, 20));
    const std::vector<int> fds(input_.ConsumeIntegralInRange<std::size_t>(0, 3),
                               things_.fd(input_.ConsumeIntegralInRange(0U, Things::kinds - 1)));
    if (!bytes.empty()) (void)os::send_parcel(line_.far.get(), bytes, fds);
  }
  void hang_up() { line_.far.reset(); }
  void poll() {
    run(context_);
    said_ = 0;
  }

  void attach() {
    auto attachment = peer_->attach();
    if (!attachment) return require(!attachment.error().message.empty());
    require(!attachment->interrupts.empty() && !attachment->doorbells.empty());
    attachment_ = std::move(*attachment);
  }
  // With whoever runs a device.
  void serve() {
    served_.reset();
    auto served =
        peer_->serve(nullptr, {.attach = [this](Attachment attachment) -> Result<void> {
                                 attachment_ = std::move(attachment);
                                 return {};
                               },
                               .detach = [this] { attachment_.reset(); },
                               .end = [](const Error& why) { require(!why.message.empty()); }});
    if (served) served_.emplace(std::move(*served));
  }
  void raise() {
    if (!attachment_) return;
    for (const auto& interrupt : attachment_->interrupts) interrupt.raise();
    for (const auto& doorbell : attachment_->doorbells) (void)doorbell.drain();
  }
  void format() {
    if (!attachment_) return;
    auto formatted = *clone(*attachment_);
    if (const auto settled = ring::settle_format(formatted, 4); !settled)
      require(!settled.error().message.empty());
  }
  static std::optional<Attachment> clone(const Attachment& of) {
    auto doorbells = os::duplicate(of.doorbells);
    require(doorbells.has_value());
    return Attachment{
        .doorbells = std::move(*doorbells), .interrupts = of.interrupts, .memory = of.memory};
  }
  void truncate() {
    require(::ftruncate(things_.loose.get(), input_.ConsumeIntegralInRange(0, 2) * 4096) == 0);
  }
  void write_memory() {
    const std::uint8_t byte = input_.ConsumeIntegral<std::uint8_t>();
    const auto at = input_.ConsumeIntegralInRange<off_t>(0, 255);
    (void)!::pwrite(things_.loose.get(), &byte, 1, at);
  }

  static constexpr Action actions[] = {&Attack::say,      &Attack::say,          &Attack::say_bytes,
                                       &Attack::poll,     &Attack::poll,         &Attack::attach,
                                       &Attack::serve,    &Attack::raise,        &Attack::format,
                                       &Attack::truncate, &Attack::write_memory, &Attack::hang_up};

  FuzzedDataProvider& input_;
  const Things& things_;
  boost::asio::io_context context_{one_thread};
  Line line_;
  unsigned said_ = 0;
  std::unique_ptr<Peer> peer_;
  std::optional<Attachment> attachment_;
  std::optional<Registration> served_;
};

// An honest server, whose memory nobody has formatted.
void visit(const Things& things) {
  boost::asio::io_context context{one_thread};
  Line line;
  const auto memory = os::create_memfd("honest", file_size).value();
  line.greet(things, memory);
  const auto peer = join(context, line, {.vectors = 2}).value();
  run(context);
  (void)things.event.drain();
  auto attachment = peer->attach().value();
  require(attachment.doorbells.size() == 2 && attachment.interrupts.size() == 2);
  attachment.interrupts[1].raise();
  require(things.event.drain() == 1);
  require(ring::settle_format(attachment, 2).has_value());
}

void start() {
  log::set_level(log::Level::off);
  require(os::prepare_signals().has_value());
  visit(things());  // what the process makes once is there now
}

void try_one(FuzzedDataProvider& input) {
  things().mend();
  const int before = lowest_free_fd();
  {
    Attack attack(input, things());
    attack.run_all();
  }
  require(lowest_free_fd() == before);
  visit(things());
}

}  // namespace
}  // namespace bellwire::ivshmem::peer_fuzz

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*arguments*/) {
  bellwire::ivshmem::peer_fuzz::start();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  bellwire::ivshmem::peer_fuzz::try_one(input);
  return 0;
}
