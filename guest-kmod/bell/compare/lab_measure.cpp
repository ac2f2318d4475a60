// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/lab_measure.hpp"

#include "guest-kmod/bell/compare/directions.hpp"
#include "guest-kmod/bell/compare/setup.hpp"

namespace bell::compare {
namespace {

class LabBeginning final : public Beginning {
 public:
  explicit LabBeginning(const LabMechanism& mechanism) : stand_(mechanism) {}
  Result<void> prepare() override { return stand_.open_session(); }
  Result<void> first_notification() override {
    if (auto opened = stand_.open_ends(); !opened) return opened;
    const auto flags = stand_.mechanism().hardirq ? NOTIFY_LAB_HARDIRQ : 0U;
    if (auto started = stand_.start({.flags = flags, .gap_us = flags == 0 ? 0 : timer_gap_us});
        !started)
      return started;
    Room room{};
    if (stand_.mechanism().to_kernel != nullptr) stand_.to_kernel().send(1);
    if (stand_.mechanism().from_kernel != nullptr)
      stand_.from_kernel().wait(room);
    else
      stand_.lab().wait();
    return {};
  }
  void take_down() override { stand_.close_ends(); }

 private:
  Stand stand_;
};

Result<Figures> measure_direction(Stand& stand, const Plan& plan) {
  const Alarm alarm;  // ends waits for what never comes
  const auto& mechanism = stand.mechanism();
  if (mechanism.from_kernel && mechanism.to_kernel) return measure_round_trip(stand, plan);
  if (mechanism.from_kernel) return measure_kernel_to_user(stand, plan);
  return measure_user_to_kernel(stand, plan);
}

}  // namespace

Result<Watched> kernel_thread(const Stand& stand) {
  return Watched::thread(bellwire::text("notify_lab/{}", stand.lab().info().session));
}

Result<Figures> measure(const LabMechanism& mechanism, const Plan& plan) {
  Stand stand(mechanism);
  if (auto opened = stand.open(); !opened) return opened.error();
  auto figures = measure_direction(stand, plan);
  if (!figures) return figures;
  auto setup = measure_setup([&] { return std::make_unique<LabBeginning>(mechanism); }, plan.once);
  if (!setup) return setup.error();
  figures->setup = *setup;
  return figures;
}

}  // namespace bell::compare
