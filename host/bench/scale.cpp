// SPDX-License-Identifier: BSD-3-Clause
//
// The suite `scale`: what a round trip costs with more and more of everything else: doorbells of a
// device, drivers at work, slots of a switchboard. Without polling; devices share one thread.
#include <x86intrin.h>

#include <filesystem>
#include <optional>

#include "host/bench/suites.hpp"
#include "host/bench/wire_ends.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/transport/ivshmem/peer.hpp"
#include "vdev/transport/ivshmem/switchboard.hpp"

namespace bellwire::bench {

// Doorbells

namespace {

constexpr unsigned doorbell_counts[] = {1, 16, 256, 2'048};
constexpr double most_over_one_doorbell = 1.1;

// Ringing each in turn also shows cache misses, the kernel's and ours.
struct RingOrder {
  const char* name;
  Order order;
  Benchmark::Limit limit;
};
constexpr RingOrder ring_orders[] = {
    {"round trip, a doorbell", Order::the_same, most_over_one_doorbell},
    {"round trip, each doorbell in turn", Order::each_in_turn, {}},
};

std::string among(const RingOrder& order, unsigned count) {
  return text("{}, of {}", order.name, count);
}

Result<void> add_count(Benchmark& benchmark, const Environment& environment, unsigned count) {
  const auto ping_pong = PingPong::create(count, environment.guest_cpu);
  if (!ping_pong) return ping_pong.error();
  const auto bare = BarePingPong::create(count, environment.guest_cpu, false);
  if (!bare) return bare.error();
  for (const auto& ringing : ring_orders) {
    const auto by = [order = ringing.order, ns = environment.ns_per_tick](auto subject) {
      return [=](Samples& samples) { return subject->sample(order, ns, samples); };
    };
    benchmark.add(among(ringing, count), by(*ping_pong), by(*bare));
    benchmark.plot(among(ringing, count), text("{}, of N", ringing.name), count);
  }
  return {};
}

}  // namespace

Result<void> add_more_doorbells(Benchmark& benchmark, const Environment& environment) {
  for (const auto count : doorbell_counts)
    if (auto added = add_count(benchmark, environment, count); !added) return added;
  for (const auto& order : ring_orders)
    benchmark.compare(among(order, doorbell_counts[3]), among(order, doorbell_counts[0]),
                      order.limit);
  return {};
}

// Drivers

namespace {

constexpr unsigned driver_counts[] = {1, 2, 4, 8};
constexpr bare_load drivers_load{
    .batches = 10, .batch = 500, .depth = 16, .bytes = 64, .published = 1};

// Drivers on threads of their own, each with an echo of its own; those are on one thread. All
// drivers share a CPU, the devices have the other.
class DriverGroup {
 public:
  static Result<std::shared_ptr<DriverGroup>> create(unsigned drivers, int device_cpu) {
    auto group = std::make_shared<DriverGroup>();
    std::vector<WireEnd> ends;
    for (unsigned index = 0; index < drivers; ++index) {
      auto wires = create_wire_pair();
      if (!wires) return wires.error();
      auto added = group->host_.add(std::make_unique<Echo>(), std::move(wires->device));
      if (!added) return added.error();
      ends.push_back(std::move(wires->driver));
    }
    group->host_.start(device_cpu);
    for (auto& end : ends) {
      auto driver = WireDriver::create(std::move(end), Polling::off);
      if (!driver) return driver.error();
      group->drivers_.push_back(std::move(*driver));
    }
    return group;
  }

  // The time of all, divided by the requests of all.
  Result<void> sample(double ns_per_tick, Samples& samples) {
    std::vector<Result<void>> ends(drivers_.size());
    const auto before = __rdtsc();
    {
      std::vector<std::jthread> threads;
      for (std::size_t index = 0; index < drivers_.size(); ++index)
        threads.emplace_back([&, index] { ends[index] = work(drivers_[index], ns_per_tick); });
    }
    const auto ns = static_cast<double>(__rdtsc() - before) * ns_per_tick;
    for (const auto& end : ends)
      if (!end) return end;
    const auto requests = drivers_.size() * drivers_load.batches * drivers_load.batch;
    samples.ns.push_back(ns / static_cast<double>(requests));
    samples.times += requests;
    return {};
  }

 private:
  static Result<void> work(WireDriver& driver, double ns_per_tick) {
    Samples own;
    return driver.run(drivers_load, ns_per_tick, own);
  }

  DeviceHost host_;
  std::vector<WireDriver> drivers_;
};

std::string name_of_drivers(unsigned drivers) {
  return text("time per request, {} drivers at once", drivers);
}

}  // namespace

Result<void> add_more_drivers(Benchmark& benchmark, const Environment& environment) {
  for (const auto count : driver_counts) {
    const auto group = DriverGroup::create(count, environment.device_cpu);
    if (!group) return group.error();
    benchmark.add(name_of_drivers(count),
                  [all = *group, ns = environment.ns_per_tick](Samples& samples) {
                    return all->sample(ns, samples);
                  });
    benchmark.plot(name_of_drivers(count), "time per request, N drivers at once", count);
  }
  benchmark.compare(name_of_drivers(driver_counts[3]), name_of_drivers(driver_counts[0]));
  return {};
}

// Slots

namespace {

constexpr unsigned slot_counts[] = {1, 8, 64};
constexpr int cpu_anywhere = -1;
constexpr double most_over_one_slot = 1.1;
constexpr std::uint64_t slot_memory = 1 << 20;
constexpr bare_load slot_trips{.batches = 500, .batch = 1, .depth = 1, .bytes = 64, .published = 1};

// A folder for a socket, gone with the object.
class SocketFolder {
 public:
  static Result<SocketFolder> create() {
    std::string path = std::filesystem::temp_directory_path() / "bellwire-bench-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return system_fault("cannot make the folder '{}'", path);
    return SocketFolder(std::move(path));
  }
  SocketFolder(SocketFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ~SocketFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string socket() const { return path_ + "/socket"; }

 private:
  explicit SocketFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// A switchboard, all its slots taken at both ends; the driver plays on the last.
class BusySwitchboard {
 public:
  static Result<std::shared_ptr<BusySwitchboard>> create(unsigned slots, int cpu) {
    auto folder = SocketFolder::create();
    if (!folder) return folder.error();
    std::shared_ptr<BusySwitchboard> board(new BusySwitchboard(std::move(*folder)));
    if (auto done = board->connect(slots); !done) return done.error();
    board->host_.start(cpu);
    auto driver = WireDriver::create(std::move(*board->end_), Polling::off);
    if (!driver) return driver.error();
    board->driver_.emplace(std::move(*driver));
    return board;
  }

  ~BusySwitchboard() {  // so that threads end before what they use
    host_.stop();
    wires_.stop();
  }

  Result<void> sample(double ns_per_tick, Samples& samples) {
    return driver_->run(slot_trips, ns_per_tick, samples);
  }

 private:
  explicit BusySwitchboard(SocketFolder folder) : folder_(std::move(folder)) {}

  Result<void> connect(unsigned slots) {
    const auto path = folder_.socket();
    auto switchboard = ivshmem::Switchboard::create(
        wires_.context(), {.path = path, .slots = slots, .vectors = 1, .memory = slot_memory});
    if (!switchboard) return switchboard.error();
    switchboard_.emplace(std::move(*switchboard));
    wires_.start(cpu_anywhere);
    for (unsigned slot = 0; slot < slots; ++slot)
      if (auto joined = join(slot); !joined) return joined;
    return {};
  }

  Result<void> join(unsigned slot) {
    const ivshmem::PeerOptions near{.path = folder_.socket(), .slot = slot, .vectors = 1};
    auto device = ivshmem::Peer::connect(host_.context(), near);
    if (!device) return device.error();
    auto attachment = (*device)->attach();
    if (!attachment) return attachment.error();
    auto added = host_.add(std::make_unique<Echo>(), std::move(*attachment));
    if (!added) return added;
    auto guest = ivshmem::Peer::connect(idle_, {.path = folder_.socket(), .guest = true});
    if (!guest) return guest.error();
    auto end = end_of(**guest);
    if (!end) return end.error();
    end_.emplace(std::move(*end));
    peers_.push_back(std::move(*device));
    peers_.push_back(std::move(*guest));
    return {};
  }

  static Result<WireEnd> end_of(ivshmem::Peer& guest) {
    auto wires = guest.attach();
    if (!wires) return wires.error();
    const auto layout = ring::Layout::open(wires->memory);
    if (!layout) return layout.error();
    return WireEnd{.memory = wires->memory,
                   .queue = layout->queue(0),
                   .doorbell = wires->interrupts.at(0),
                   .interrupt = std::move(wires->doorbells.at(0))};
  }

  SocketFolder folder_;
  DeviceHost wires_;  // runs the switchboard
  std::optional<ivshmem::Switchboard> switchboard_;
  DeviceHost host_;
  boost::asio::io_context idle_;  // of the guests, which need not learn of later peers
  std::vector<std::unique_ptr<ivshmem::Peer>> peers_;
  std::optional<WireEnd> end_;
  std::optional<WireDriver> driver_;
};

std::string name_of_slots(unsigned slots) {
  return text("round trip, one of {} slots", slots);
}

}  // namespace

Result<void> add_more_slots(Benchmark& benchmark, const Environment& environment) {
  for (const auto count : slot_counts) {
    const auto board = BusySwitchboard::create(count, environment.guest_cpu);
    if (!board) return board.error();
    benchmark.add(name_of_slots(count), [all = *board, ns = environment.ns_per_tick](
                                            Samples& samples) { return all->sample(ns, samples); });
    benchmark.plot(name_of_slots(count), "round trip, one of N slots", count);
  }
  benchmark.compare(name_of_slots(slot_counts[2]), name_of_slots(slot_counts[0]),
                    most_over_one_slot);
  return {};
}

}  // namespace bellwire::bench
