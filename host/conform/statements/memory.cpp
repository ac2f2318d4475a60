// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 23 to 33: the memory that is shared, and the descriptors that come with messages.
#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
using vhost_user::bit;
using vhost_user::MemoryRegion;
using vhost_user::SingleRegion;

constexpr Needs slots{.protocol_features = bit(feature::configure_mem_slots)};
constexpr Needs slots_and_rings{.protocol_features = slots.protocol_features,
                                .layouts = Layouts::both};
constexpr Wishes by_table{.never_protocol_features = bit(feature::configure_mem_slots)};

constexpr std::uint64_t first_user = 0x7f12'0000'0000;
constexpr std::uint64_t second_guest = 0x1'0000'0000;
constexpr std::uint64_t second_user = 0x7f34'0000'0000;
constexpr std::uint64_t megabyte = 1 << 20;

std::vector<PieceShape> two_pieces() {
  return {{.guest_address = 0, .size = megabyte, .user_address = first_user},
          {.guest_address = second_guest, .size = megabyte, .user_address = second_user}};
}

// A request whose buffers are in another piece than the ring.
void serve_from_second_piece(TestRequests& traffic, FrontEnd& front, const char* what) {
  auto buffers = traffic.request();
  for (auto& buffer : buffers) {
    const auto moved = front.memory().allocate(buffer.size, 16, 1);
    std::copy_n(front.memory().at(buffer.address), buffer.size, front.memory().at(moved));
    buffer.address = moved;
  }
  traffic.offer_as(traffic.ring().words.describe(buffers).value(), buffers);
  traffic.kick();
  traffic.await(1, what);
}

void two_regions(Trial& trial) {
  auto front = trial.up(by_table, two_pieces());
  TestRequests traffic(trial, front);
  serve_from_second_piece(traffic, front, "a request in the second region");
}

void with_offset(Trial& trial) {
  auto front = trial.up({}, {{.guest_address = megabyte,
                              .size = megabyte,
                              .user_address = first_user,
                              .offset = megabyte}});
  TestRequests traffic(trial, front);
  traffic.serve(3, "a request in a region that begins inside of its file");
}

void too_few_descriptors(Trial& trial) {
  auto front = trial.up(by_table, two_pieces(), vhost_user::Step::memory);
  vhost_user::Bytes table;
  vhost_user::append(table, std::uint64_t{2});
  vhost_user::append(table, front.memory().region(0));
  vhost_user::append(table, front.memory().region(1));
  const int fds[] = {front.memory().fd(0)};
  trial.expect_refused(front, Request::set_mem_table, table, fds);
}

void changed_while_running(Trial& trial) {
  auto front = trial.up(by_table, two_pieces());
  TestRequests traffic(trial, front);
  traffic.serve(2, "a request before the change");
  for (int count = 0; count < 3; ++count) {
    traffic.offer(8);
    traffic.kick();
    trial.expect(front.share_table(), "SET_MEM_TABLE");
    traffic.await(8, "the requests that were under way at SET_MEM_TABLE");
  }
  serve_from_second_piece(traffic, front, "a request after the change");
}

void slots_counted(Trial& trial) {
  auto front = trial.up({}, {}, vhost_user::Step::memory);
  const auto first = trial.expect(front.get(Request::get_max_mem_slots), "GET_MAX_MEM_SLOTS");
  trial.expect(first > 0, "there are no slots");
  Trial::prepare(front.share_slot(0), "ADD_MEM_REG");
  const auto then = trial.expect(front.get(Request::get_max_mem_slots), "GET_MAX_MEM_SLOTS");
  trial.expect(then >= first, "there are {} slots first, and {} then", first, then);
}

void slot_served(Trial& trial) {
  if (trial.probe().offer.slots < 2) throw Untried{"the back-end has one slot only"};
  auto front = trial.up({.memory = false}, two_pieces(), vhost_user::Step::rings);
  trial.expect(front.share_slot(0), "ADD_MEM_REG");
  Trial::prepare(front.run(vhost_user::Step::rings), "setting the rings up");
  Trial::prepare(front.run(vhost_user::Step::enable), "SET_VRING_ENABLE");
  Trial::prepare(front.run(vhost_user::Step::driver_ok), "SET_STATUS");
  TestRequests traffic(trial, front);
  traffic.serve(2, "a request in the first slot");
  trial.expect(front.share_slot(1), "ADD_MEM_REG while the ring runs");
  serve_from_second_piece(traffic, front, "a request in the second slot");
}

// The second of two slots, to be removed.
struct SecondSlot {
  FrontEnd front;
  SingleRegion region;
};

SecondSlot second_slot(Trial& trial) {
  if (trial.probe().offer.slots < 2) throw Untried{"the back-end has one slot only"};
  auto front = trial.up({.memory = false}, two_pieces(), vhost_user::Step::memory);
  for (const std::size_t piece : {0U, 1U}) Trial::prepare(front.share_slot(piece), "ADD_MEM_REG");
  trial.begin();
  SingleRegion region{0, front.memory().region(1)};
  return {std::move(front), region};
}

void removed_without_offset(Trial& trial) {
  auto [front, region] = second_slot(trial);
  region.region.mmap_offset = megabyte;
  const auto reply = trial.expect(front.acknowledged(Request::rem_mem_reg, region), "REM_MEM_REG");
  trial.expect(reply == 0, "it is refused: its reply is {}", reply);
}

void removed_with_descriptor(Trial& trial) {
  auto [front, region] = second_slot(trial);
  const int fds[] = {front.memory().fd(1)};
  const auto reply =
      trial.expect(front.acknowledged(Request::rem_mem_reg, region, fds), "REM_MEM_REG");
  trial.expect(reply == 0, "it is refused: its reply is {}", reply);
}

void unknown_not_removed(Trial& trial) {
  auto [front, region] = second_slot(trial);
  region.region.guest_address += megabyte;
  trial.expect_refused(front, Request::rem_mem_reg, payload(region));
}

// The back-end's process, whose descriptors can be counted.
pid_t process_of(FrontEnd& front) {
  const auto process = vhost_user::peer_process(front.link().fd());
  if (!process || !open_descriptors(*process))
    throw Untried{"the descriptors of the back-end's process can't be listed"};
  return *process;
}

// Descriptors are closed some time after the message was read, or the connection ended.
void expect_closed_down_to(Trial& trial, pid_t process, std::size_t count) {
  const auto open = [process] { return open_descriptors(process).value_or(0); };
  trial.expect(trial.eventually([&] { return open() <= count; }),
               "the process has {} descriptors open, {} at most before", open(), count);
}

void descriptors_replaced(Trial& trial) {
  auto front = trial.up();
  const auto process = process_of(front);
  const auto before = *open_descriptors(process);
  for (int count = 0; count < 16; ++count)
    trial.expect(front.set_wire(Request::set_vring_call, 0, &front.ring(0).call), "SET_VRING_CALL");
  trial.settle(front);
  expect_closed_down_to(trial, process, before + 1);
}

void descriptors_refused(Trial& trial) {
  pid_t process = 0;
  std::size_t before = 0;
  {
    auto front = trial.connect();
    trial.settle(front);
    process = process_of(front);
    before = *open_descriptors(process);
  }
  for (int count = 0; count < 8; ++count) {
    auto front = trial.connect();
    const int fd = front.memory().fd(0);
    trial.expect(front.link().send(Request::get_features, {}, std::array{fd, fd, fd}),
                 "GET_FEATURES with descriptors");
    static_cast<void>(front.link().receive());  // or the end of the connection
  }
  auto front = trial.connect();
  trial.settle(front);
  expect_closed_down_to(trial, process, before + 1);
}

constexpr Statement memory_table[] = {
    {23, "A table of two regions is taken, and rings and buffers may be in different ones",
     "vhost-user: SET_MEM_TABLE", either_layout, two_regions},
    {24, "A region may begin inside of its file", "vhost-user: Memory regions description",
     either_layout, with_offset},
    {25,
     "A table with fewer descriptors than regions is refused",
     "vhost-user: SET_MEM_TABLE",
     {.protocol_features = bit(feature::reply_ack)},
     too_few_descriptors},
    {26, "The table may be sent again while rings run: no request is lost",
     "vhost-user: Ring states", either_layout, changed_while_running},
    {27, "GET_MAX_MEM_SLOTS is above 0 and never falls", "vhost-user: GET_MAX_MEM_SLOTS", slots,
     slots_counted},
    {28, "Memory may come slot by slot, also while rings run", "vhost-user: ADD_MEM_REG",
     slots_and_rings, slot_served},
    {29,
     "A slot to be removed is found whatever the mmap offset says",
     "vhost-user: REM_MEM_REG",
     {.protocol_features = bit(feature::configure_mem_slots) | bit(feature::reply_ack)},
     removed_without_offset},
    {30,
     "A descriptor that comes with REM_MEM_REG does no harm",
     "vhost-user: REM_MEM_REG",
     {.protocol_features = bit(feature::configure_mem_slots) | bit(feature::reply_ack)},
     removed_with_descriptor},
    {31,
     "A slot that was never added can't be removed",
     "vhost-user: REM_MEM_REG",
     {.protocol_features = bit(feature::configure_mem_slots) | bit(feature::reply_ack)},
     unknown_not_removed},
    {32,
     "A descriptor that another one replaces is closed",
     "vhost-user: SET_VRING_CALL",
     {},
     descriptors_replaced},
    {33,
     "Descriptors that come with a message that takes none are closed",
     "vhost-user: Communication",
     {},
     descriptors_refused},
};

}  // namespace

std::span<const Statement> memory_statements() noexcept {
  return memory_table;
}

}  // namespace bellwire::host::conform
