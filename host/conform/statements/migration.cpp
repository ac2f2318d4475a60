// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 111 to 113: which pages are marked in the log while a virtual machine migrates.
#include <algorithm>

#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
using vhost_user::bit;
using vhost_user::log_page;

constexpr Needs logs{.features = bit(VHOST_F_LOG_ALL),
                     .protocol_features = bit(feature::log_shmfd),
                     .layouts = Layouts::both};
constexpr Needs logs_of_writers{.features = logs.features,
                                .protocol_features = logs.protocol_features,
                                .kinds = std::uint8_t(Kind::blk) | std::uint8_t(Kind::rng),
                                .layouts = Layouts::both};
constexpr std::uint32_t used_ring_logged = 1 << VHOST_VRING_F_LOG;

/// A log of all pages of the first piece of memory, shared with the back-end.
class DirtyLog {
 public:
  DirtyLog(Trial& trial, FrontEnd& front) : trial_(trial), front_(front), memory_(share()) {}

  void log_all() {
    trial_.expect(front_.tell(Request::set_features, front_.features() | bit(VHOST_F_LOG_ALL)),
                  "SET_FEATURES with LOG_ALL");
    trial_.settle(front_);
  }
  [[nodiscard]] bool marked(std::uint64_t guest_address) const {
    const auto page = guest_address / log_page;
    return (std::to_integer<unsigned>(bits()[page / 8]) >> page % 8 & 1) != 0;
  }
  void expect_marked(std::uint64_t guest_address, const char* what) const {
    trial_.expect(trial_.eventually([&] { return marked(guest_address); }),
                  "the page of {} at {:#x} is not marked", what, guest_address);
  }
  [[nodiscard]] bool empty() const {
    return std::ranges::all_of(bits(), [](std::byte byte) { return byte == std::byte{0}; });
  }

 private:
  [[nodiscard]] std::span<const std::byte> bits() const { return {memory_.at(0), size()}; }
  [[nodiscard]] std::uint64_t size() const {
    const auto region = front_.memory().region(0);
    return (region.guest_address + region.size) / log_page / 8 + 1;
  }
  [[nodiscard]] vhost_user::GuestMemory share() {
    if (!front_.negotiated(feature::log_shmfd))
      throw Untried{text("{} does not negotiate LOG_SHMFD", front_.dialect().program)};
    const auto bytes = (size() + log_page - 1) / log_page * log_page;
    auto memory = Trial::prepare(
        vhost_user::GuestMemory::create(std::array{PieceShape{.size = bytes}}), "memory for a log");
    const int fds[] = {memory.fd(0)};
    const auto reply = front_.ask(Request::set_log_base, payload(vhost_user::Log{size(), 0}), fds);
    trial_.expect(bool(reply), "SET_LOG_BASE is not answered");
    return memory;
  }

  Trial& trial_;
  FrontEnd& front_;
  vhost_user::GuestMemory memory_;
};

void written_pages(Trial& trial) {
  auto front = trial.up();
  DirtyLog log(trial, front);
  log.log_all();
  TestRequests traffic(trial, front);
  const auto buffers = traffic.request();
  traffic.offer_as(traffic.ring().words.describe(buffers).value(), buffers);
  traffic.kick();
  traffic.await(1, "a request that is logged");
  for (const auto& buffer : buffers)
    if (buffer.writable) log.expect_marked(buffer.address, "a buffer that was written");
}

void nothing_unasked(Trial& trial) {
  auto front = trial.up();
  const DirtyLog log(trial, front);
  TestRequests traffic(trial, front);
  traffic.serve(4, "requests that are not logged");
  trial.settle(front);
  trial.expect(log.empty(), "pages are marked, though LOG_ALL was never accepted");
}

void used_ring(Trial& trial) {
  auto front = trial.up();
  DirtyLog log(trial, front);
  log.log_all();
  TestRequests traffic(trial, front);
  const auto where = front.memory().allocate(log_page, log_page);  // in no ring
  trial.expect(front.set_address(traffic.index(), used_ring_logged, where),
               "SET_VRING_ADDR with the flag for logging");
  trial.settle(front);
  traffic.serve(2, "requests whose used ring is logged");
  log.expect_marked(where, "the used ring");
}

constexpr Statement migration_table[] = {
    {111, "With LOG_ALL, the pages that the device writes are marked in the log",
     "vhost-user: Migration", logs_of_writers, written_pages},
    {112, "Without LOG_ALL, no page is marked", "vhost-user: Migration", logs, nothing_unasked},
    {113, "The used ring is marked at its own address if SET_VRING_ADDR asks for it",
     "vhost-user: Migration", logs, used_ring},
};

}  // namespace

std::span<const Statement> migration_statements() noexcept {
  return migration_table;
}

}  // namespace bellwire::host::conform
