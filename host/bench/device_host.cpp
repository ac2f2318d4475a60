// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/device_host.hpp"

#include "host/bench/machine.hpp"

namespace bellwire::bench {
namespace {

constexpr std::uint64_t wire_memory = 1 << 20;

}  // namespace

Result<Plugs> create_plugs() {
  auto memory = ring::create_memory("bellwire-bench", wire_memory, 1);
  if (!memory) return memory.error();
  auto both = os::create_events(2);
  if (!both) return both.error();
  auto copies = os::duplicate(*both);
  if (!copies) return copies.error();
  const auto layout = ring::Layout::open(memory->view);
  if (!layout) return layout.error();
  Plugs plugs{.device = {.doorbells = {}, .interrupts = {}, .memory = memory->view},
              .driver = {.memory = memory->view,
                         .queue = layout->queue(0),
                         .doorbell = InterruptLine(std::move((*copies)[0])).interrupt(),
                         .interrupt = std::move((*both)[1])}};
  plugs.device.doorbells.push_back(std::move((*both)[0]));
  plugs.device.interrupts.push_back(InterruptLine(std::move((*copies)[1])).interrupt());
  return plugs;
}

void DeviceHost::stop() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

Result<void> DeviceHost::add(std::unique_ptr<Device> device, Attachment attachment, Polling polling,
                             std::chrono::microseconds moderate) {
  auto moderation = Moderation::start(context_, attachment, moderate);
  if (!moderation) return moderation.error();
  moderations_.push_back(std::move(*moderation));
  auto runner = Runner::start(context_, *device, std::move(attachment), polling);
  if (!runner) return runner.error();
  devices_.push_back(std::move(device));
  runners_.push_back(std::move(*runner));
  return {};
}

void DeviceHost::start(int cpu) {
  thread_ = std::thread([this, cpu] {
    pin_thread(cpu);
    context_.run();
  });
}

}  // namespace bellwire::bench
