// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 72 to 78: requests in a virtqueue, however they are described.
#include <set>

#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {
namespace {

using vhost_user::bit;

constexpr Needs indirect{.features = bit(VIRTIO_RING_F_INDIRECT_DESC), .layouts = Layouts::both};
constexpr Wishes with_indirect{.features = bit(VIRTIO_RING_F_INDIRECT_DESC)};

void exact_length(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  const auto buffers = traffic.request();
  const auto most = writable_bytes(buffers);
  traffic.offer_as(traffic.ring().words.describe(buffers).value(), buffers);
  traffic.kick();
  const auto used = traffic.next();
  trial.expect(used.has_value(), "the request was not completed in time");
  const bool may_be_less = trial.probe().kind == Kind::rng;
  trial.expect(used->len <= most && (may_be_less ? used->len > 0 : used->len == most),
               "the length is {}, where {} bytes were to be written", used->len, most);
}

void full_ring(Trial& trial) {
  auto front = trial.up({.queue_size = 64});
  TestRequests traffic(trial, front);
  const auto each = static_cast<unsigned>(traffic.request().size());
  for (int round = 0; round < 8; ++round) traffic.serve(64 / each, "requests that fill the ring");
}

// Serves one request whose chain `describe` makes of its buffers.
template <class Describe>
void serve_described(Trial& trial, const char* what, Describe describe) {
  auto front = trial.up(with_indirect);
  TestRequests traffic(trial, front);
  for (int count = 0; count < 2; ++count) {
    const auto buffers = traffic.request();
    const auto head = describe(traffic.ring().words, std::span<const Buffer>(buffers));
    if (!head) throw Untried{"the ring is full"};
    traffic.offer_as(*head, buffers);
    traffic.kick();
    traffic.await(1, what);
  }
}

void in_table(Trial& trial) {
  serve_described(trial, "a request in an indirect table",
                  [](auto& ring, auto buffers) { return ring.describe_indirect(buffers); });
}

void behind_descriptors(Trial& trial) {
  serve_described(trial, "a request, the rest of which is in an indirect table",
                  [](auto& ring, auto buffers) {
                    return ring.split().describe_indirect(buffers.first(1), buffers.subspan(1));
                  });
}

void table_marked_writable(Trial& trial) {
  serve_described(
      trial, "a request in an indirect table that is marked writable",
      [](auto& ring, auto buffers) { return ring.describe_indirect(buffers, VRING_DESC_F_WRITE); });
}

// Each buffer as two, the first of one byte.
std::vector<Buffer> cut(std::span<const Buffer> buffers) {
  std::vector<Buffer> pieces;
  for (const auto& [address, size, writable] : buffers) {
    pieces.push_back({address, 1, writable});
    if (size > 1) pieces.push_back({address + 1, size - 1, writable});
  }
  return pieces;
}

void any_layout(Trial& trial) {
  serve_described(trial, "a request in other buffers than usual",
                  [](auto& ring, auto buffers) { return ring.describe(cut(buffers)); });
}

void kicked_once(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.offer(24);
  traffic.kick();
  traffic.await(24, "requests that one kick announced");
}

constexpr Statement virtqueue_table[] = {
    {72, "The length of a completion is the number of bytes written", "virtio 1.2: 2.7.8",
     either_layout, exact_length},
    {73, "A full ring is served, each request once", "virtio 1.2: 2.7.8", either_layout, full_ring},
    {74, "One kick may announce many requests", "virtio 1.2: 2.7.13", either_layout, kicked_once},
    {75, "A request may be in an indirect table", "virtio 1.2: 2.7.5.3", indirect, in_table},
    {76,
     "Descriptors may come before an indirect one",
     "virtio 1.2: 2.7.5.3",
     {.features = bit(VIRTIO_RING_F_INDIRECT_DESC), .kinds = std::uint8_t(Kind::blk)},
     behind_descriptors},
    {77, "The write flag of an indirect descriptor is ignored", "virtio 1.2: 2.7.5.3", indirect,
     table_marked_writable},
    {78, "Nothing is assumed of how a request is cut into buffers", "virtio 1.2: 2.7.4",
     either_layout, any_layout},
};

}  // namespace

std::span<const Statement> virtqueue_statements() noexcept {
  return virtqueue_table;
}

}  // namespace bellwire::host::conform
