// SPDX-License-Identifier: BSD-3-Clause
//
// The table of rigs, what all drivers share, and the rig of a transport whose device is attached to
// wires and memory.
#include "vdev/testing/rig.hpp"

#include <algorithm>
#include <stdexcept>

#include "vdev/devices/delay.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/machine/kvm/kvm_machine.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/transports.hpp"
#include "vdev/testing/virtqueue_rigs.hpp"

namespace bellwire::testing {

std::vector<std::byte> message(unsigned number) {
  return bytes(text("request {}", number));
}

std::unique_ptr<RingDevice> make_device(Echoes echoes) {
  if (echoes == Echoes::at_once) return std::make_unique<Echo>();
  return std::make_unique<Delay>();
}

unsigned RequestDriver::wait_for_completion() {
  for (;;) {
    if (const auto number = take()) return *number;
    if (!may_sleep()) continue;
    if (!wait_for_interrupt()) throw std::runtime_error("no completion came");
    awake();
  }
}

void RequestDriver::call(unsigned number) {
  wait_until_served();
  submit(number);
  publish();
  if (wait_for_completion() != number)
    throw std::runtime_error("another request was completed than the one in flight");
}

namespace {

class RingDriver final : public RequestDriver {
 public:
  RingDriver(Rig& rig, MemoryView memory, unsigned queue)
      : driver_(driver_end(rig.endpoint(), std::move(memory)), queue) {}

  bool served() const override { return driver_.queue().ready(); }
  void wait_until_served() override { driver_.wait_until_served(); }
  // An output behind each input.
  void submit(unsigned number) override {
    const auto input = message(number);
    bellwire_request request{};
    request.cookie = number;
    request.input_offset = number % most_in_flight * 128;
    request.output_offset = request.input_offset + 64;
    request.input_length = request.output_length = static_cast<std::uint32_t>(input.size());
    std::ranges::copy(input, &driver_.queue().payload()[request.input_offset]);
    if (!driver_.queue().submit(request)) throw std::runtime_error("the ring was full");
    last_ = number;
    if (!first_) first_ = number;
  }
  void publish() override { driver_.publish(); }
  void ring() override { driver_.ring(); }
  std::optional<unsigned> take() override;
  bool may_sleep() override { return driver_.queue().may_sleep(); }
  void awake() override { driver_.queue().awake(); }
  bool wait_for_interrupt() override { return driver_.wait_for_interrupt(); }
  void break_queue() override {
    auto& submitted = driver_.control().submit.submitted;
    ring::store(submitted, submitted + 2 * driver_.raw_queue().entries, ring::release);
    ring();
    while (driver_.queue().status() != BELLWIRE_QUEUE_BAD_SUBMITTED)
      if (!wait_for_interrupt()) throw std::runtime_error("a broken queue was not reported");
  }

 private:
  mutable Driver driver_;
  std::optional<unsigned> first_, last_;  // submitted and not taken; numbers follow each other
};

// Completions come in order, as the ABI says.
std::optional<unsigned> RingDriver::take() {
  const auto completion = driver_.queue().take();
  if (driver_.queue().device_broken()) throw std::runtime_error("the device broke the ring");
  if (!completion) return std::nullopt;
  if (!first_ || completion->cookie != *first_)
    throw std::runtime_error("a completion was out of order, or came twice");
  const auto number = *first_;
  first_ = number == *last_ ? std::nullopt : std::optional(number + 1);
  const auto output =
      driver_.queue().payload().subspan(number % most_in_flight * 128 + 64, completion->length);
  if (completion->status != BELLWIRE_DONE || !std::ranges::equal(output, message(number)))
    throw std::runtime_error("an answer was wrong");
  return number;
}

class RingRig final : public Rig {
 public:
  RingRig(std::unique_ptr<TransportFixture> fixture, Echoes echoes)
      : fixture_(std::move(fixture)), echoes_(echoes) {}

  void start_device() override { life_.emplace(*fixture_, echoes_); }
  void stop_device() override {
    life_.reset();
    fixture_->detach();
  }
  machine::Endpoint& endpoint() override { return fixture_->endpoint(); }
  std::unique_ptr<RequestDriver> driver(unsigned queue) override {
    return std::make_unique<RingDriver>(*this, fixture_->memory(), queue);
  }
  // Each new driver begins a generation.
  void replace_drivers() override {}

 private:
  struct Life {
    Life(TransportFixture& fixture, Echoes echoes)
        : device(make_device(echoes)),
          running(*device, fixture.attach().value(), fixture.polling) {}
    std::unique_ptr<RingDevice> device;
    RunningDevice running;
  };
  std::unique_ptr<TransportFixture> fixture_;
  const Echoes echoes_;
  std::optional<Life> life_;
};

bool on_wires(Needs) {
  return true;
}

// Where a packed ring goes on stands in no memory, and our front-end knows it only of rings that it
// uses itself. `bellwire conform` kills back-ends under those.
bool on_packed_wires(Needs needs) {
  return needs != Needs::lasting_requests;
}

// The guest has no doorbell before there is a function, and the function's end forgets the queues:
// virtio-pci has nothing like vhost-user's inflight region.
bool in_function(Needs needs) {
  return needs == Needs::nothing;
}

using Made = Result<std::unique_ptr<Rig>>;

TestedRig on_rings(const TestedTransport& transport) {
  return {transport.name,
          [&transport](unsigned queues, Echoes echoes) -> Made {
            auto fixture = transport.create(queues);
            if (!fixture) return fixture.error();
            return std::unique_ptr<Rig>(std::make_unique<RingRig>(std::move(*fixture), echoes));
          },
          on_wires};
}

TestedRig on_virtqueues(std::string_view name, Made (*make)(const VirtqueuePlan&),
                        bool (*has)(Needs), VirtqueuePlan plan = {}) {
  return {name,
          [=](unsigned queues, Echoes echoes) mutable {
            plan.queues = queues;
            plan.echoes = echoes;
            return make(plan);
          },
          has};
}

std::vector<TestedRig> make_table() {
  std::vector<TestedRig> rows;
  for (const auto& transport : transports()) rows.push_back(on_rings(transport));
  const auto add = [&rows](auto... row) { rows.push_back(on_virtqueues(row...)); };
  add("vhost-user", make_vhost_user_rig, on_wires);
  add("vhost-user, polled while it pays", make_vhost_user_rig, on_wires,
      VirtqueuePlan{.polling = Polling::adaptive});
  add("vhost-user, polled", make_vhost_user_rig, on_wires,
      VirtqueuePlan{.polling = Polling::always});
  add("vhost-user, packed", make_vhost_user_rig, on_packed_wires, VirtqueuePlan{.packed = true});
  add("vhost-user, on kvm", make_vhost_user_rig, on_wires,
      VirtqueuePlan{.machine = kvm::KvmMachine::create});
  add("virtio-pci, split", make_virtio_pci_rig, in_function);
  add("virtio-pci, packed", make_virtio_pci_rig, in_function, VirtqueuePlan{.packed = true});
  add("virtio-pci by vfio-user, split", make_vfio_user_virtio_rig, in_function);
  add("virtio-pci by vfio-user, packed", make_vfio_user_virtio_rig, in_function,
      VirtqueuePlan{.packed = true});
  return rows;
}

}  // namespace

std::span<const TestedRig> rigs() {
  static const auto rows = make_table();
  return rows;
}

}  // namespace bellwire::testing
