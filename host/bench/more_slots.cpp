// SPDX-License-Identifier: BSD-3-Clause
#include <filesystem>
#include <optional>

#include "host/bench/device_host.hpp"
#include "host/bench/scale.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/transport/ivshmem/peer.hpp"
#include "vdev/transport/ivshmem/switchboard.hpp"

namespace bellwire::bench {
namespace {

constexpr unsigned slot_counts[] = {1, 8, 64};
constexpr int cpu_anywhere = -1;
constexpr double most_over_one_slot = 1.1;
constexpr std::uint64_t slot_memory = 1 << 20;
constexpr bare_load slot_trips{.looks = 500, .batch = 1, .depth = 1, .bytes = 64, .shown = 1};

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
class Exchange {
 public:
  static Result<std::shared_ptr<Exchange>> create(unsigned slots, int cpu) {
    auto folder = SocketFolder::create();
    if (!folder) return folder.error();
    std::shared_ptr<Exchange> exchange(new Exchange(std::move(*folder)));
    if (auto done = exchange->connect(slots); !done) return done.error();
    exchange->host_.start(cpu);
    auto driver = WireDriver::create(std::move(*exchange->end_), Polling::off);
    if (!driver) return driver.error();
    exchange->driver_.emplace(std::move(*driver));
    return exchange;
  }

  ~Exchange() {  // the threads end before what they touch
    host_.stop();
    wires_.stop();
  }

  Result<void> sample(double ns_per_tick, Samples& samples) {
    return driver_->run(slot_trips, ns_per_tick, samples);
  }

 private:
  explicit Exchange(SocketFolder folder) : folder_(std::move(folder)) {}

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
    const ivshmem::Endpoint near{.path = folder_.socket(), .slot = slot, .vectors = 1};
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
  boost::asio::io_context idle_;  // the guests': what they are told later is nothing to us
  std::vector<std::unique_ptr<ivshmem::Peer>> peers_;
  std::optional<WireEnd> end_;
  std::optional<WireDriver> driver_;
};

std::string name_of_slots(unsigned slots) {
  return text("round trip, one of {} slots", slots);
}

}  // namespace

Result<void> enter_more_slots(Race& race, const Machine& machine) {
  for (const auto count : slot_counts) {
    const auto exchange = Exchange::create(count, machine.guest_cpu);
    if (!exchange) return exchange.error();
    race.enter(name_of_slots(count), [all = *exchange, ns = machine.ns_per_tick](Samples& samples) {
      return all->sample(ns, samples);
    });
    race.plot(name_of_slots(count), "round trip, one of N slots", count);
  }
  race.compare(name_of_slots(slot_counts[2]), name_of_slots(slot_counts[0]), most_over_one_slot);
  return {};
}

}  // namespace bellwire::bench
