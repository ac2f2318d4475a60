// SPDX-License-Identifier: BSD-3-Clause
//
// A device that completes its requests from two threads at times of their own, while its queues are
// stopped, reset, paused, and lose their memory. Each buffer is poisoned as soon as the backend
// says that it is the driver's again: a device that still writes to it is seen.
#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/virtio_guest.hpp"

using namespace bellwire;
using namespace bellwire::virtio;
using namespace bellwire::testing;

namespace {

constexpr std::byte theirs{0xDD};  // what the device writes
constexpr std::byte poison{0x11};  // what it must not overwrite

/// Two threads take requests, wait a moment, write to all of their buffers, and complete them.
class Workers final : public virtio::Device {
 public:
  Workers() {
    for (auto& thread : threads_) thread = std::thread([this] { work(); });
  }
  ~Workers() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  [[nodiscard]] Traits traits() const noexcept override { return {.kind = "workers", .queues = 2}; }
  void handle(Request request) noexcept override {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(request));
    }
    changed_.notify_one();
  }
  void stop() noexcept override { CHECK(in_hand_.load() == 0); }

  [[nodiscard]] std::uint64_t completed() const noexcept { return completed_.load(); }

 private:
  void work() {
    std::minstd_rand random(completed_.load() + 1);
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      auto request = std::move(waiting_.front());
      waiting_.pop_front();
      ++in_hand_;
      lock.unlock();
      for (auto spins = random() % 2000; spins > 0; --spins) pause_polling();
      for (const auto buffer : request.writable()) std::ranges::fill(buffer, theirs);
      const auto size = static_cast<std::uint32_t>(request.writable_size());
      ++completed_;
      --in_hand_;
      std::move(request).complete(size);
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request> waiting_;
  bool ending_ = false;
  std::atomic<int> in_hand_ = 0;
  std::atomic<std::uint64_t> completed_ = 0;
  std::thread threads_[2];
};

// The driver: all buffers of both queues, each with the device or poisoned.
struct RacingDriver {
  static constexpr unsigned count = 24;  // of each queue

  explicit RacingDriver(bool packed) : guest(workers, {.size = 32, .packed = packed}) {
    for (auto& queue : buffers)
      for (auto& buffer : queue) give_up(buffer = {guest.allocate(256)});
    guest.start_all();
  }

  struct Buffer {
    GuestBuffer where;
    bool with_device = false;
  };
  void give_up(Buffer& buffer) {
    std::ranges::fill(guest.bytes(buffer.where), poison);
    buffer.with_device = false;
  }
  [[nodiscard]] bool is_all(const Buffer& buffer, std::byte value) const {
    const auto bytes = guest.bytes(buffer.where);
    return std::ranges::count(bytes, value) == static_cast<std::ptrdiff_t>(bytes.size());
  }

  void submit_all() {
    for (unsigned queue = 0; queue < 2; ++queue)
      for (unsigned index = 0; index < count; ++index) {
        auto& buffer = buffers[queue][index];
        if (std::exchange(buffer.with_device, true)) continue;
        REQUIRE(is_all(buffer, poison));
        const GuestBuffer writable[] = {buffer.where};
        guest.submit(queue, {}, writable, index);
      }
  }
  void take_used() {
    for (unsigned queue = 0; queue < 2; ++queue)
      while (const auto used = guest.queues[queue].driver.poll_used()) {
        auto& buffer = buffers[queue][used->token];
        CHECK(used->written == 256);
        CHECK(is_all(buffer, theirs));
        give_up(buffer);
        ++came_back;
      }
  }
  // Nothing is in flight, so what has not come back has not been taken, and nothing is written.
  void check_quiet() {
    take_used();
    const auto before = workers.completed();
    for (const auto& queue : buffers)
      for (const auto& buffer : queue) CHECK(is_all(buffer, poison));
    std::this_thread::yield();
    CHECK(workers.completed() == before);
    CHECK(before == came_back);
  }

  void stop_and_start() {
    for (unsigned queue = 0; queue < 2; ++queue) positions[queue] = guest.stop(queue);
    check_quiet();
    for (unsigned queue = 0; queue < 2; ++queue) guest.start_disabled(queue, positions[queue]);
  }
  void pause_and_resume() {
    bool paused = false;
    guest.backend.pause([&] { paused = true; });
    REQUIRE(guest.run_until([&] { return paused; }));
    check_quiet();
    guest.backend.resume();
  }
  void reset() {
    guest.backend.reset_now();
    check_quiet();
    guest.accept(guest.backend.device_features());
    for (unsigned queue = 0; queue < 2; ++queue) guest.start(queue, guest.stop(queue));
  }
  // The memory goes and comes back; all of the rings are in it.
  void revoke() {
    auto& space = guest.memory.space;
    const auto size = guest.plan.memory;
    const auto view = *space.map(GuestMemory::base, size);
    REQUIRE(space.remove(GuestMemory::base, size).has_value());
    check_quiet();
    REQUIRE(space.add({.address = GuestMemory::base, .size = size, .memory = view}).has_value());
  }

  Workers workers;
  VirtioGuest guest;
  std::array<std::array<Buffer, count>, 2> buffers;
  std::array<QueuePosition, 2> positions;
  std::uint64_t came_back = 0;
};

}  // namespace

TEST_CASE_TEMPLATE("threads of a device never touch what the driver has back", Layout, Split,
                   Packed) {
  RacingDriver traffic(Layout::packed);
  std::minstd_rand random(5);
  for (int round = 0; round < 400; ++round) {
    traffic.submit_all();
    for (auto turns = random() % 4; turns > 0; --turns) {
      traffic.guest.run();
      traffic.take_used();
    }
    switch (random() % 4) {
      case 0:
        traffic.stop_and_start();
        break;
      case 1:
        traffic.pause_and_resume();
        break;
      case 2:
        traffic.reset();
        break;
      default:
        traffic.revoke();
    }
  }
  const auto all = [&] {
    traffic.take_used();
    return traffic.guest.queues[0].driver.in_flight() + traffic.guest.queues[1].driver.in_flight();
  };
  CHECK(traffic.guest.run_until([&] { return all() == 0; }));
  CHECK(traffic.came_back > 400);
}

TEST_CASE("a backend may be dropped while threads complete its last requests") {
  Workers workers;
  for (int round = 0; round < 300; ++round) {
    VirtioGuest guest(workers, {.size = 32, .memory = 1 << 20});
    guest.start_all();
    for (std::uint64_t token = 0; token < 20; ++token) guest.submit(token % 2, token);
    guest.run();
  }
  CHECK(workers.completed() > 0);
}
