// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/runner/dropping.hpp"

#include <utility>
#include <vector>

#include "vdev/loop/event_reader.hpp"

namespace bellwire {

struct Dropping::Wires final : EventOwner, std::enable_shared_from_this<Wires> {
  struct Wire {
    os::EventFd in;
    EventReader reader;  // of it
    Interrupt out;
  };

  Wires(boost::asio::io_context& io, std::uint64_t count) : context(io), left(count) {}

  Result<void> add(os::EventFd in, Interrupt out) {
    auto reader = EventReader::create(context, in, static_cast<unsigned>(wires.size()));
    if (!reader) return reader.error();
    wires.push_back({std::move(in), std::move(*reader), std::move(out)});
    return {};
  }

  Result<void> add_interrupt(Interrupt& interrupt) {
    auto raised = os::EventFd::create();
    if (!raised) return raised.error();
    auto in = raised->duplicate();
    if (!in) return in.error();
    auto ours = InterruptLine(std::move(*raised)).interrupt();
    return add(std::move(*in), std::exchange(interrupt, std::move(ours)));
  }

  Result<void> add_doorbell(os::EventFd& doorbell) {
    auto ours = os::EventFd::create();
    if (!ours) return ours.error();
    auto out = ours->duplicate();
    if (!out) return out.error();
    return add(std::exchange(doorbell, std::move(*ours)),
               InterruptLine(std::move(*out)).interrupt());
  }

  void on_event(unsigned index, std::uint64_t) override {
    if (!running) return;
    pass_on(wires[index]);
    wires[index].reader.wait(shared_from_this());
  }

  void pass_on(const Wire& wire) {
    if (--left != 0) wire.out.raise();
  }

  void stop() {
    running = false;
    for (auto& wire : wires) {
      const bool taken = wire.reader.stop() != 0;
      if (wire.in.drain() || taken) pass_on(wire);
    }
    wires.clear();  // and with it its descriptors: a handler that is queued may hold this yet
  }

  boost::asio::io_context& context;
  std::vector<Wire> wires;
  std::uint64_t left;  // until the one that is lost
  bool running = true;
};

Dropping::Dropping(std::shared_ptr<Wires> wires) noexcept : wires_(std::move(wires)) {}
Dropping::Dropping(Dropping&&) noexcept = default;
Dropping::~Dropping() {
  if (wires_) wires_->stop();
}

Result<Dropping> Dropping::start(boost::asio::io_context& context, Attachment& attachment,
                                 const std::optional<DropPlan>& plan) {
  auto wires = std::make_shared<Wires>(context, plan ? plan->number : 0);
  if (plan && plan->wire == DropPlan::Wire::doorbell)
    for (auto& doorbell : attachment.doorbells)
      if (auto added = wires->add_doorbell(doorbell); !added) return added.error();
  if (plan && plan->wire == DropPlan::Wire::interrupt)
    for (auto& interrupt : attachment.interrupts)
      if (auto added = wires->add_interrupt(interrupt); !added) return added.error();
  for (auto& wire : wires->wires) wire.reader.wait(wires);
  return Dropping(std::move(wires));
}

}  // namespace bellwire
