// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/device_run.hpp"

#include "vdev/log/log.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::host {
namespace {

// A doorbell is about what was submitted last, an interrupt about what was completed last.
class RingWitness final : public FaultWitness {
 public:
  explicit RingWitness(const ring::Layout& layout) : layout_(layout) {}

  std::optional<FaultVictim> newest_request(FaultWire wire, unsigned index) noexcept override {
    if (index >= layout_.queues()) return std::nullopt;
    const auto& control = *layout_.queue(index).control;
    const auto& words =
        wire == FaultWire::doorbell ? control.submit.submitted : control.complete.completed;
    const auto count = ring::load(words, ring::relaxed);
    if (count == 0) return std::nullopt;
    return FaultVictim{count - 1, ring::load(control.status.generation, ring::relaxed)};
  }

 private:
  const ring::Layout layout_;
};

}  // namespace

Runs DeviceRun::runs() {
  return {.attach = [this](Attachment attachment) { return start(std::move(attachment)); },
          .detach = [this] { parts_.reset(); },
          .end =
              [this](Error why) {
                ended_ = std::move(why);
                context_.stop();
              }};
}

Result<void> DeviceRun::start(Attachment attachment) {
  parts_.reset();
  auto parts = make_parts(std::move(attachment));
  if (!parts) return parts.error();
  parts_.emplace(std::move(*parts));
  log::info("{} runs on {}", options_.name, options_.on.front());
  return {};
}

Result<DeviceRun::Parts> DeviceRun::make_parts(Attachment attachment) {
  const auto queues = device_.traits().doorbells;
  if (auto settled = ring::settle_format(attachment, queues); !settled) return settled.error();
  const auto layout = ring::Layout::open(attachment);
  if (!layout) return layout.error();
  auto moderation = Moderation::start(context_, attachment, options_.moderate);
  if (!moderation) return moderation.error();
  auto faults =
      Faults::start(context_, attachment, options_.faults, std::make_shared<RingWitness>(*layout));
  if (!faults) return faults.error();
  attachment.tap = journal_.tap(layout->format());
  auto doorbells =
      steps::Doorbells::start(context_, device_, attachment, *layout, options_.step.stepper);
  if (!doorbells) return doorbells.error();
  auto runner = Runner::start(context_, device_, std::move(attachment), options_.poll.polling);
  if (!runner) return runner.error();
  return Parts{std::move(*moderation), std::move(*faults), std::move(*doorbells),
               std::move(*runner), tracing_.attach(*layout)};
}

Result<void> DeviceRun::result() const {
  if (ended_) return *ended_;
  return {};
}

unsigned DeviceRun::descriptors_each(const DeviceOptions& options) noexcept {
  return Runner::descriptors_each + Moderation::descriptors_each(options.moderate) +
         fault_descriptors(options.faults.get()) +
         (options.step.wanted() ? steps::Doorbells::descriptors_each : 0);
}

}  // namespace bellwire::host
