// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/test_requests.hpp"

#include <linux/virtio_blk.h>
#include <poll.h>

#include <algorithm>
#include <array>

#include "vdev/os/unix_socket.hpp"

namespace bellwire::host::conform {
namespace {

using Clock = std::chrono::steady_clock;

// A ring is looked at so often, call or no call: a lost call fails the statements about calls.
constexpr std::chrono::milliseconds look_at_ring{20};

constexpr std::uint32_t sector_size = 512;
constexpr std::uint32_t entropy_size = 64;
constexpr std::uint32_t frame_size = 12 + 60;  // virtio_net_hdr_v1 and the shortest frame
constexpr std::byte no_status{0xEE};

}  // namespace

std::uint32_t writable_bytes(std::span<const Buffer> buffers) noexcept {
  std::uint32_t bytes = 0;
  for (const auto& buffer : buffers) bytes += buffer.writable ? buffer.size : 0;
  return bytes;
}

// A network device takes frames on its odd rings.
TestRequests::TestRequests(Trial& trial, FrontEnd& front, unsigned ring)
    : trial_(trial), front_(front), index_(trial.probe().kind == Kind::net ? 2 * ring + 1 : ring) {
  if (trial.probe().kind == Kind::unknown) throw NotApplicable{needs_known_kind};
}

std::vector<Buffer> TestRequests::request() {
  auto& memory = front_.memory();
  switch (trial_.probe().kind) {
    case Kind::rng:
      return {{memory.allocate(entropy_size), entropy_size, true}};
    case Kind::net:
      return {{memory.allocate(frame_size), frame_size, false}};
    case Kind::blk:
    case Kind::unknown:  // refused by the constructor
      break;
  }
  const auto header = memory.allocate(sizeof(virtio_blk_outhdr));
  *memory.as<virtio_blk_outhdr>(header) = {.type = VIRTIO_BLK_T_IN, .ioprio = 0, .sector = 0};
  const auto status = memory.allocate(1);
  *memory.at(status) = no_status;
  return {{header, sizeof(virtio_blk_outhdr), false},
          {memory.allocate(sector_size), sector_size, true},
          {status, 1, true}};
}

void TestRequests::offer(unsigned count) {
  trial_.transcript().sent(text("{} request{} in ring {}", count, count > 1 ? "s" : "", index_));
  for (unsigned done = 0; done < count; ++done) {
    const auto buffers = request();
    const auto head = ring().words.describe(buffers);
    if (!head) throw Untried{"the ring is full"};
    put(*head, buffers);
  }
}

void TestRequests::kick() {
  trial_.transcript().sent(text("a kick of ring {}", index_));
  ring().kick.ring();
}

// Of a disk's request, the last byte says whether it was done; an entropy source gives some.
void TestRequests::put(std::uint16_t head, std::span<const Buffer> buffers) {
  const auto kind = trial_.probe().kind;
  const auto& last = buffers.back();
  pending_[head] = {kind == Kind::rng ? 1U : 0U, writable_bytes(buffers),
                    kind == Kind::blk ? last.address + last.size - 1 : 0};
  ring().words.offer(head);
}

void TestRequests::offer_as(std::uint16_t head, std::span<const Buffer> buffers) {
  trial_.transcript().sent(text("a request in ring {}", index_));
  put(head, buffers);
}

void TestRequests::offer_malformed(std::uint16_t head) {
  trial_.transcript().sent(text("a malformed request in ring {}", index_));
  pending_[head] = {0, 0, 0};
  ring().words.offer(head);
}

void TestRequests::wait_a_little(Clock::time_point end) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
  const auto time = std::clamp(left, std::chrono::milliseconds(0), look_at_ring);
  std::array<pollfd, 2> fds{pollfd{front_.ring(index_).call.fd(), POLLIN, 0},
                            pollfd{trial_.settings().patience.stop, POLLIN, 0}};
  ::poll(fds.data(), fds.size(), static_cast<int>(time.count()));
  if ((fds[0].revents & POLLIN) == 0) return;
  // It stays readable while nobody drains it: whether there was a call is for called() to say.
  std::array<pollfd, 1> only_stop{fds[1]};
  ::poll(only_stop.data(), only_stop.size(), 1);
}

std::optional<vring_used_elem> TestRequests::next() {
  const auto end = Clock::now() + trial_.settings().patience.limit;
  const int stop = trial_.settings().patience.stop;
  for (;;) {
    // Before the ring is looked at: what comes with the stop is still seen.
    const bool over = Clock::now() >= end || os::hung_up(front_.link().fd()) ||
                      (stop >= 0 && os::wait_readable(stop, std::chrono::milliseconds(0)));
    if (auto used = ring().words.take()) return used;
    if (over) return std::nullopt;
    wait_a_little(end);
  }
}

void TestRequests::check(const vring_used_elem& used, const char* what) {
  const auto found = pending_.find(used.id);
  trial_.expect(found != pending_.end(), "{}: head {} was completed, which was not under way", what,
                used.id);
  const auto [least, most, status] = found->second;
  pending_.erase(found);
  trial_.expect(used.len >= least && used.len <= most,
                "{}: {} bytes were reported as written, of {} that there were", what, used.len,
                most);
  if (status == 0) return;
  const auto value = std::to_integer<unsigned>(*front_.memory().at(status));
  trial_.expect(value == VIRTIO_BLK_S_OK, "{}: a read of sector 0 has status {:#x}", what, value);
}

void TestRequests::await(unsigned count, const char* what) {
  for (unsigned done = 0; done < count; ++done) {
    const auto used = next();
    if (!used) trial_.transcript().came(text("{} of {} completions", done, count));
    trial_.expect(used.has_value(), "{}: {} of {} requests were completed in time", what, done,
                  count);
    check(*used, what);
  }
  trial_.transcript().came(text("{} completion{}", count, count > 1 ? "s" : ""));
}

void TestRequests::serve(unsigned count, const char* what) {
  offer(count);
  kick();
  await(count, what);
}

bool TestRequests::called() {
  const auto& patience = trial_.settings().patience;
  static_cast<void>(os::wait_for_peer(ring().call.fd(), patience.limit, patience.stop));
  return ring().call.drain().has_value();
}

bool TestRequests::called_though_quiet() {
  trial_.settle(front_);
  static_cast<void>(os::wait_readable(ring().call.fd(), trial_.settings().patience.quiet));
  return ring().call.drain().has_value();
}

unsigned TestRequests::come_though_quiet() {
  trial_.settle(front_);
  const auto end = Clock::now() + trial_.settings().patience.quiet;
  const auto come = [this] { return unsigned{ring().words.completed()}; };
  while (come() == 0 && Clock::now() < end) wait_a_little(end);
  return come();
}

}  // namespace bellwire::host::conform
