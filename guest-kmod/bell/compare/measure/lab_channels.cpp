// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/measure/lab_channels.hpp"

#include <unistd.h>

namespace bell::compare {
namespace {

Result<std::unique_ptr<Channel>> open_end(MakeEnd make, LabSession& lab) {
  auto end = make ? make(lab) : nullptr;
  if (!end) return end;
  if (auto opened = end->open(); !opened) return opened.error();
  end->set_receiver(::getpid());
  return end;
}

class LabSetup final : public SetupSequence {
 public:
  explicit LabSetup(const LabMechanism& mechanism) : channels_(mechanism) {}
  Result<void> prepare() override { return channels_.open_session(); }
  Result<void> first_notification() override {
    if (auto opened = channels_.open_ends(); !opened) return opened;
    const auto flags = channels_.mechanism().hardirq ? NOTIFY_LAB_HARDIRQ : 0U;
    if (auto started = channels_.start({.flags = flags, .gap_us = flags == 0 ? 0 : timer_gap_us});
        !started)
      return started;
    NumberBuffer buffer{};
    if (channels_.mechanism().to_kernel != nullptr) channels_.to_kernel().send(1);
    if (channels_.mechanism().from_kernel != nullptr)
      channels_.from_kernel().wait(buffer);
    else
      channels_.lab().wait();
    return {};
  }
  void tear_down() override { channels_.close_ends(); }

 private:
  LabChannels channels_;
};

Result<Measurement> measure_direction(LabChannels& channels, const RoundPlan& plan) {
  const PeriodicSignal interrupts_waits;
  const auto& mechanism = channels.mechanism();
  if (mechanism.from_kernel && mechanism.to_kernel) return measure_round_trip(channels, plan);
  if (mechanism.from_kernel) return measure_kernel_to_user(channels, plan);
  return measure_user_to_kernel(channels, plan);
}

}  // namespace

Result<void> LabChannels::open() {
  if (auto opened = open_session(); !opened) return opened;
  return open_ends();
}

Result<void> LabChannels::open_ends() {
  auto from = open_end(mechanism_.from_kernel, lab_);
  if (!from) return from.error();
  auto to = open_end(mechanism_.to_kernel, lab_);
  if (!to) return to.error();
  from_kernel_ = std::move(*from);
  to_kernel_ = std::move(*to);
  return {};
}

void LabChannels::close_ends() noexcept {
  lab_.stop();
  from_kernel_.reset();
  to_kernel_.reset();
}

Result<void> LabChannels::start(const KernelJob& wanted) {
  const auto out = from_kernel_ ? from_kernel_->ends() : Ends{};
  const auto in = to_kernel_ ? to_kernel_->ends() : Ends{};
  notify_lab_job job{};
  job.send = mechanism_.send;
  job.receive = mechanism_.receive;
  job.send_fd = out.sender;
  job.receive_fd = in.receiver;
  job.count = static_cast<std::uint32_t>(wanted.count);
  job.flags = wanted.flags;
  job.cpu = wanted.cpu;
  job.gap_us = wanted.gap_us;
  job.port = out.port;
  job.signal = out.signal;
  if (from_kernel_) from_kernel_->start_job();
  return lab_.start(job);
}

Result<OtherProcess> LabChannels::kernel_thread() const {
  return OtherProcess::thread(bellwire::text("notify_lab/{}", lab_.info().session));
}

Result<Measurement> measure(const LabMechanism& mechanism, const RoundPlan& plan) {
  LabChannels channels(mechanism);
  if (auto opened = channels.open(); !opened) return opened.error();
  auto measurement = measure_direction(channels, plan);
  if (!measurement) return measurement;
  auto setup =
      measure_setup([&] { return std::make_unique<LabSetup>(mechanism); }, plan.first_round);
  if (!setup) return setup.error();
  measurement->setup = *setup;
  return measurement;
}

}  // namespace bell::compare
