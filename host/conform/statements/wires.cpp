// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 58 to 70: the dialects, and when the driver is called.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {
namespace {

using vhost_user::bit;

constexpr Needs event_index{.features = bit(VIRTIO_RING_F_EVENT_IDX)};
constexpr Wishes with_event_index{.features = bit(VIRTIO_RING_F_EVENT_IDX)};

void speak(Trial& trial, std::string_view name) {
  const auto& dialect = *vhost_user::dialect_of(name);
  auto front = trial.connect({}, {}, &dialect);
  trial.expect(front.bring_up(), "bringing the device up");
  trial.begin();
  TestRequests traffic(trial, front);
  traffic.serve(8, "requests");
}

void as_qemu_7(Trial& trial) {
  speak(trial, "qemu-7.2");
}
void as_qemu_8(Trial& trial) {
  speak(trial, "qemu-8");
}
void as_virtio_user(Trial& trial) {
  speak(trial, "virtio-user");
}
void as_libblkio(Trial& trial) {
  speak(trial, "libblkio");
}

void called_when_done(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  for (int count = 0; count < 3; ++count) {
    traffic.serve(1, "a request");
    trial.expect(traffic.called(), "a request was completed without a call");
  }
}

void call_replaced(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  trial.expect(traffic.called(), "a request was completed without a call");
  const auto old = Trial::prepare(traffic.ring().call.duplicate(), "a duplicate");
  traffic.ring().call = Trial::prepare(os::EventFd::create_shared(), "an eventfd");
  trial.expect(front.set_wire(Request::set_vring_call, traffic.index(), &traffic.ring().call),
               "SET_VRING_CALL of a running ring");
  trial.settle(front);
  static_cast<void>(traffic.ring().call.drain());  // it may be called at once
  static_cast<void>(old.drain());
  traffic.serve(1, "a request after");
  trial.expect(traffic.called(), "the new descriptor was not called");
  trial.expect(!old.drain(), "the old descriptor was called");
}

void without_call(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  trial.expect(front.set_wire(Request::set_vring_call, traffic.index(), nullptr),
               "SET_VRING_CALL without a descriptor");
  trial.settle(front);
  traffic.serve(4, "requests in a ring without a call descriptor");
}

// An eventfd whose count is full, so that a plain write to it sleeps. Dropped, it lets go whoever
// sleeps in it.
class FullEvent {
 public:
  FullEvent() : fd_(::eventfd(0, EFD_CLOEXEC)) {
    const std::uint64_t most = ~std::uint64_t{0} - 1;
    if (!fd_.valid() || ::write(fd_.get(), &most, sizeof most) != sizeof most)
      throw Untried{"cannot fill an eventfd"};
  }
  FullEvent(const FullEvent&) = delete;
  ~FullEvent() {
    ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
    std::uint64_t count = 0;
    [[maybe_unused]] const auto taken = ::read(fd_.get(), &count, sizeof count);
  }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  os::UniqueFd fd_;
};

void full_call(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  const FullEvent full;
  trial.expect(
      front.tell(Request::set_vring_call, std::uint64_t{traffic.index()}, std::array{full.fd()}),
      "SET_VRING_CALL");
  trial.settle(front);
  for (int count = 0; count < 2; ++count)
    traffic.serve(4, "requests in a ring whose call eventfd is full and blocks");
  trial.settle(front);
}

void no_call_wanted(Trial& trial) {
  auto front = trial.up({.never_features = bit(VIRTIO_RING_F_EVENT_IDX)});
  TestRequests traffic(trial, front);
  static_cast<void>(traffic.called_though_quiet());  // of the set-up
  traffic.ring().words.want_calls(false);
  traffic.serve(4, "requests");
  trial.expect(!traffic.called_though_quiet(), "it was called, though the ring's flags say no");
  traffic.ring().words.want_calls(true);
  traffic.serve(1, "a request");
  trial.expect(traffic.called(), "it was not called, though the ring's flags say yes");
}

void event_reached(Trial& trial) {
  auto front = trial.up(with_event_index);
  TestRequests traffic(trial, front);
  static_cast<void>(traffic.called_though_quiet());
  for (const std::uint16_t event : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{2}}) {
    traffic.ring().words.split().set_used_event(event);
    traffic.serve(1, "a request");
    trial.expect(traffic.called(), "no call at the used index {}, where used_event is {}",
                 event + 1, event);
  }
}

void event_not_reached(Trial& trial) {
  auto front = trial.up(with_event_index);
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");  // a back-end's first call may come anyway
  static_cast<void>(traffic.called_though_quiet());
  traffic.ring().words.split().set_used_event(100);
  traffic.serve(4, "requests");
  trial.expect(!traffic.called_though_quiet(),
               "it was called at the used index 5, though used_event is 100");
}

void event_across_the_wrap(Trial& trial) {
  Wishes wishes = with_event_index;
  wishes.base = 65533;
  auto front = trial.up(wishes);
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  static_cast<void>(traffic.called_though_quiet());
  traffic.ring().words.split().set_used_event(65535);
  traffic.serve(1, "the request before the wrap");
  trial.expect(!traffic.called_though_quiet(), "it was called at the used index 65535");
  traffic.serve(1, "the request at the wrap");
  trial.expect(traffic.called(), "it was not called when the used index went from 65535 to 0");
}

void kick_wanted(Trial& trial) {
  auto front = trial.up(with_event_index);
  TestRequests traffic(trial, front);
  traffic.serve(6, "requests");
  const auto& words = traffic.ring().words.split();
  trial.expect(trial.eventually([&words] { return words.available_event() == 6; }),
               "avail_event is {} after 6 requests: the seventh would not be kicked",
               words.available_event());
}

void no_flags(Trial& trial) {
  auto front = trial.up(with_event_index);
  TestRequests traffic(trial, front);
  traffic.serve(3, "requests");
  const auto flags = traffic.ring().words.split().used_flags();
  trial.expect(flags == 0, "the used ring's flags are {}", flags);
}

constexpr Statement wires_table[] = {
    {58, "QEMU 7.2's order of messages brings a device up", "QEMU 7.2: vhost-user.c", either_layout,
     as_qemu_7},
    {59, "The order of messages of QEMU 8 and later brings a device up", "QEMU 8.0: vhost-user.c",
     either_layout, as_qemu_8},
    {60, "The order of messages of DPDK's virtio_user brings a device up",
     "DPDK 22.11: virtio_user", either_layout, as_virtio_user},
    {61,
     "libblkio's order of messages brings a device up",
     "libblkio: virtio-driver",
     {.protocol_features = bit(vhost_user::feature::reply_ack) | bit(vhost_user::feature::config) |
                           bit(vhost_user::feature::configure_mem_slots),
      .layouts = Layouts::both},
     as_libblkio},
    {62, "A completion is followed by a call", "vhost-user: SET_VRING_CALL", either_layout,
     called_when_done},
    {63, "A call descriptor may be replaced while the ring runs", "vhost-user: Ring states",
     either_layout, call_replaced},
    {64, "A ring without a call descriptor is served", "vhost-user: SET_VRING_CALL", either_layout,
     without_call},
    {65, "A call eventfd that is full does not stop the back-end", "vhost-user: SET_VRING_CALL",
     either_layout, full_call},
    {66, "Without EVENT_IDX, the available ring's flags say whether to call", "virtio 1.2: 2.7.7",
     either_layout, no_call_wanted},
    {67, "With EVENT_IDX, a call comes when the used index passes used_event", "virtio 1.2: 2.7.7",
     event_index, event_reached},
    {68, "With EVENT_IDX, no call comes before the used index passes used_event",
     "virtio 1.2: 2.7.7", event_index, event_not_reached},
    {69, "used_event is compared modulo 65536", "virtio 1.2: 2.7.7", event_index,
     event_across_the_wrap},
    {70, "With EVENT_IDX, avail_event asks for a kick for the next request", "virtio 1.2: 2.7.10",
     event_index, kick_wanted},
    {71, "With EVENT_IDX, the used ring's flags are 0", "virtio 1.2: 2.7.10", event_index,
     no_flags},
};

}  // namespace

std::span<const Statement> wire_statements() noexcept {
  return wires_table;
}

}  // namespace bellwire::host::conform
