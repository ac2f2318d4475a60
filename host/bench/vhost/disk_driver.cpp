// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/vhost/disk_driver.hpp"

#include <linux/virtio_ring.h>
#include <poll.h>
#include <unistd.h>
#include <x86intrin.h>

#include <array>

#include "vdev/core/poll_time.hpp"

namespace bellwire::bench {
namespace {

constexpr std::uint64_t memory_base = 0x1'0000'0000;  // guest address
constexpr std::uint64_t memory_bytes = 8 << 20;
constexpr std::uint32_t sector_bytes = 512;
constexpr std::uint16_t chain_buffers = 3;  // header, data, status
constexpr double longest_wait_ns = 20e9;
constexpr int longest_sleep_ms = 20000;
constexpr std::uint8_t not_written = 0xff;

Result<vhost_user::GuestMemory> create_memory() {
  const vhost_user::PieceShape piece{.guest_address = memory_base, .size = memory_bytes};
  return vhost_user::GuestMemory::create({&piece, 1});
}

}  // namespace

Result<std::unique_ptr<DiskDriver>> DiskDriver::create(const std::string& socket, unsigned queues,
                                                       std::uint64_t disk_bytes) {
  std::unique_ptr<DiskDriver> driver(new DiskDriver);
  driver->disk_bytes_ = disk_bytes;
  if (auto up = driver->bring_up(socket, queues); !up) return up.error();
  return driver;
}

// The rings are made before the back-end hears of them.
Result<void> DiskDriver::bring_up(const std::string& socket, unsigned queues) {
  auto memory = create_memory();
  if (!memory) return memory.error();
  auto link = vhost_user::Link::connect(socket, {}, transcript_);
  if (!link) return link.error();
  const vhost_user::Wishes wishes{.queues = queues,
                                  .queue_size = queue_size,
                                  .features = vhost_user::bit(VIRTIO_RING_F_EVENT_IDX) |
                                              vhost_user::bit(VIRTIO_RING_F_INDIRECT_DESC) |
                                              vhost_user::bit(VIRTIO_BLK_F_MQ) |
                                              vhost_user::bit(VIRTIO_BLK_F_FLUSH)};
  auto front = vhost_user::FrontEnd::create(std::move(*link), *vhost_user::dialect_of("qemu-7.2"),
                                            wishes, std::move(*memory));
  if (!front) return front.error();
  front_.emplace(std::move(*front));
  if (auto made = make_queues(); !made) return made;
  return front_->bring_up();
}

Result<void> DiskDriver::make_queues() {
  auto mapping = os::Mapping::create(front_->memory().fd(0), memory_bytes);
  if (!mapping) return mapping.error();
  auto added = memory_.add(
      {.address = memory_base, .size = memory_bytes, .memory = MemoryView(std::move(*mapping))});
  if (!added) return added;
  for (unsigned index = 0; index < front_->rings(); ++index)
    if (auto made = make_queue(index); !made) return made;
  return {};
}

Result<void> DiskDriver::make_queue(unsigned index) {
  const auto areas = front_->ring(index).words.areas();
  auto& memory = front_->memory();
  const auto tables = memory.allocate(std::size_t{queue_size} * chain_buffers * sizeof(vring_desc));
  const virtio::QueueLayout layout{.size = queue_size,
                                   .event_index = true,
                                   .indirect = true,
                                   .descriptors = areas.descriptors,
                                   .driver_area = areas.driver,
                                   .device_area = areas.device};
  auto ring = virtio::DriverVirtqueue::create(layout, {}, memory_, {tables, chain_buffers});
  if (!ring) return ring.error();
  ring->disable_calls();
  auto& queue = queues_.emplace_back(Queue{std::move(*ring), {}, {}});
  make_slots(queue.small, most_small / front_->rings(), small_bytes);
  make_slots(queue.large, most_large / front_->rings(), large_bytes);
  return {};
}

void DiskDriver::make_slots(Slots& slots, unsigned count, std::uint32_t bytes) {
  auto& memory = front_->memory();
  for (unsigned index = 0; index < count; ++index) {
    const auto header = memory.allocate(sizeof(virtio_blk_outhdr), 64);
    const auto status = memory.allocate(1, 64);
    slots_.push_back(
        std::make_unique<Slot>(Slot{.header = memory.as<virtio_blk_outhdr>(header),
                                    .status = memory.as<volatile std::uint8_t>(status),
                                    .header_at = {header, sizeof(virtio_blk_outhdr)},
                                    .data_at = {memory.allocate(bytes, small_bytes), 0},
                                    .status_at = {status, 1},
                                    .submitted = 0}));
    slots.push_back(slots_.back().get());
  }
}

// Xorshift: the same order for each back-end.
std::uint64_t DiskDriver::next_sector(const DiskLoad& load) noexcept {
  const auto places = disk_bytes_ / load.bytes;
  if (load.random) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_ % places * load.bytes / sector_bytes;
  }
  next_ = (next_ + 1) % places;
  return next_ * load.bytes / sector_bytes;
}

void DiskDriver::submit(Queue& queue, const DiskLoad& load) noexcept {
  auto& free = queue.free(load);
  auto& slot = *free.back();
  free.pop_back();
  *slot.header = {.type = static_cast<__virtio32>(load.writes ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN),
                  .ioprio = 0,
                  .sector = next_sector(load)};
  *slot.status = not_written;
  slot.data_at.size = load.bytes;
  slot.submitted = load.depth == 1 ? __rdtsc() : 0;
  const std::array written = {slot.header_at, slot.data_at};
  const std::array read = {slot.data_at, slot.status_at};
  const auto token = reinterpret_cast<std::uintptr_t>(&slot);
  [[maybe_unused]] const bool added = load.writes
                                          ? queue.ring.add(written, {&slot.status_at, 1}, token)
                                          : queue.ring.add({&slot.header_at, 1}, read, token);
  ++sent_;
}

void DiskDriver::fill(const DiskLoad& load) noexcept {
  const auto share = (load.depth + queues_.size() - 1) / queues_.size();
  for (unsigned index = 0; index < queues_.size(); ++index) {
    auto& queue = queues_[index];
    const auto before = sent_;
    while (sent_ < load.requests && queue.ring.in_flight() < share && !queue.free(load).empty())
      submit(queue, load);
    if (sent_ == before) continue;
    queue.ring.publish();
    if (queue.ring.should_kick()) kick(index);
  }
}

// The eventfds are ours, and the back-ends under measurement are trusted with them; a guest's kick
// is the kernel's own work, and costs less still.
void DiskDriver::kick(unsigned index) noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(front_->ring(index).kick.fd(), &one, sizeof one);
  ++kicks_;
}

Result<unsigned> DiskDriver::harvest(const DiskLoad& load, Samples& samples) {
  unsigned taken = 0;
  for (auto& queue : queues_) {
    while (const auto used = queue.ring.poll_used()) {
      auto& slot = *reinterpret_cast<Slot*>(used->token);
      if (*slot.status != VIRTIO_BLK_S_OK)
        return fault(std::errc::io_error, "a request of {} bytes at sector {} got the status {}",
                     load.bytes, slot.header->sector, *slot.status);
      if (load.depth == 1)
        samples.ns.push_back(static_cast<double>(__rdtsc() - slot.submitted) * ns_per_tick_);
      queue.free(load).push_back(&slot);
      ++taken;
    }
    if (queue.ring.broken()) return virtio::describe(queue.ring.error());
  }
  return taken;
}

Result<void> DiskDriver::wait(Waiting waiting) {
  const auto now = __rdtsc();
  if (waiting_since_ == 0) waiting_since_ = now;
  if (static_cast<double>(now - waiting_since_) * ns_per_tick_ > longest_wait_ns)
    return fault(std::errc::timed_out, "the back-end completed nothing for {} s",
                 longest_wait_ns / 1e9);
  if (waiting == Waiting::asleep) return sleep();
  pause_polling();
  return {};
}

Result<void> DiskDriver::sleep() {
  bool safe = true;
  for (auto& queue : queues_) safe = queue.ring.enable_calls() && safe;
  std::array<pollfd, 2> calls{};
  for (unsigned index = 0; index < queues_.size(); ++index)
    calls[index] = {front_->ring(index).call.fd(), POLLIN, 0};
  if (safe && ::poll(calls.data(), queues_.size(), longest_sleep_ms) < 0 && errno != EINTR)
    return system_fault("cannot wait for the back-end's calls");
  for (std::size_t index = 0; index < queues_.size(); ++index) {
    std::uint64_t count = 0;
    if ((calls[index].revents & POLLIN) != 0 &&
        ::read(calls[index].fd, &count, sizeof count) == sizeof count)
      calls_ += count;
    queues_[index].ring.disable_calls();
  }
  return {};
}

Result<void> DiskDriver::run(const DiskLoad& load, Waiting waiting, double ns_per_tick,
                             Samples& samples) {
  ns_per_tick_ = ns_per_tick;
  sent_ = 0;
  const auto kicks = kicks_;
  const auto calls = calls_;
  const auto begin = __rdtsc();
  for (unsigned done = 0; done < load.requests;) {
    fill(load);
    const auto taken = harvest(load, samples);
    if (!taken) return taken.error();
    done += *taken;
    if (*taken > 0)
      waiting_since_ = 0;
    else if (auto waited = wait(waiting); !waited)
      return waited;
  }
  if (load.depth > 1)
    samples.ns.push_back(static_cast<double>(__rdtsc() - begin) * ns_per_tick / load.requests);
  samples.times += load.requests;
  samples.counts.add(Event::doorbells, kicks_ - kicks);
  samples.counts.add(Event::interrupts, calls_ - calls);
  return {};
}

}  // namespace bellwire::bench
