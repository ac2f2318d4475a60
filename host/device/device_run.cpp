// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/device_run.hpp"

#include "vdev/log/log.hpp"
#include "vdev/ring/layout.hpp"

namespace bellwire::host {

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
  auto dropping = Dropping::start(context_, attachment, options_.drop, dropping_came_);
  if (!dropping) return dropping.error();
  auto runner = Runner::start(context_, device_, std::move(attachment), options_.poll.polling);
  if (!runner) return runner.error();
  return Parts{std::move(*moderation), std::move(*dropping), std::move(*runner),
               tracing_.attach(*layout)};
}

Result<void> DeviceRun::result() const {
  if (ended_) return *ended_;
  return check_dropped(options_.drop, *dropping_came_);
}

Result<void> check_dropped(const std::optional<DropPlan>& drop, std::uint64_t came) {
  if (!drop || came >= drop->number) return {};
  return fault(std::errc::no_message_available, "nothing was dropped: only {} {} arrived", came,
               drop->wire == DropPlan::Wire::doorbell ? "doorbells" : "interrupts");
}

unsigned DeviceRun::descriptors_each(const DeviceOptions& options) noexcept {
  return Runner::descriptors_each + interposed_descriptors(options.moderate, options.drop);
}

}  // namespace bellwire::host
