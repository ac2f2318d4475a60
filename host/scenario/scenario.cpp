// SPDX-License-Identifier: BSD-3-Clause
#include "host/scenario/scenario.hpp"

#include <exception>

namespace bellwire::host {
namespace {

constexpr std::array all_scenarios{
    Scenario{
        .name = "pause",
        .shows = "an interrupt that is raised while the guest is paused",
        .met = "cloud-hypervisor (#7851)",
        .defect =
            "A vhost-user back-end is another process, and goes on while the guest is paused. What "
            "it raised meanwhile was lost at the resume: the guest waited for its interrupt, the "
            "back-end for its next doorbell. The longer the pause, the more often.",
        .rule = "38: all signals that arrive while a vector is masked become one interrupt at its "
                "unmask.",
        .avoided =
            "The count stays in the call's eventfd while the vector is masked, and the unmask "
            "turns it into one interrupt. cloud-hypervisor raises every queue's interrupt once at "
            "the resume: a driver must bear one too many, and can't bear one too few.",
        .last = BELLWIRE_RAISED,
        .play = play_pause},
    Scenario{
        .name = "early-kick",
        .shows = "a kick that comes before the ring is enabled",
        .met = "rust-vmm/vhost (#247)",
        .defect =
            "The back-end took the count of a kick that came before SET_VRING_ENABLE, did nothing "
            "for the disabled ring, and looked at nothing when it was enabled. Linux's driver "
            "waited for its first request for ever, in about half of the boots.",
        .rule = "53 and 57: a ring is served while it is started and enabled, and what is "
                "available when that begins is served without a kick.",
        .avoided = "Work is found in the ring, not in the count: the back-end looks at a ring when "
                   "it begins to serve it.",
        .last = BELLWIRE_RUNG,
        .play = play_early_kick},
    Scenario{.name = "restart",
             .shows = "a ring that nobody looks at after a restart",
             .met = "rust-vmm/vhost (#375)",
             .defect = "A device was handed a ring only when the driver kicked it. A receive ring "
                       "is kicked once, when its buffers are offered; the process that came after "
                       "a restart never saw them, and what came in had nowhere to go.",
             .rule = "57: when a ring starts, what is available already is served without a kick.",
             .avoided = "A ring that starts is looked at, whoever had it before.",
             .last = BELLWIRE_RUNG,
             .play = play_restart},
    Scenario{
        .name = "inflight",
        .shows = "an inflight region whose counters are zero",
        .met = "SPDK (#3766)",
        .defect = "The region's used index and last batch were written with the first completion "
                  "only. A process that was killed before left them 0, on a ring whose used index "
                  "was not. Its successor took the difference for a batch that was published and "
                  "not cleared, and forgot the request of descriptor 0, which was in flight.",
        .rule =
            "68: a back-end that was killed and started again completes each request exactly once.",
        .avoided = "A region that is new is written whole, with the ring's used index, before a "
                   "request is taken; its version, written last, says so.",
        .last = BELLWIRE_RUNG,
        .play = play_inflight},
    Scenario{.name = "halted",
             .shows = "an interrupt that is pending, and wakes nobody",
             .met = "openvmm (#3881)",
             .defect = "An interrupt's notification became pending for a virtual CPU that was "
                       "halted, and the CPU was not made to run. The guest never saw it, and hung.",
             .rule = "33: a message is sent in the writer's context. With it, the CPU that it is "
                     "for is woken: being pending is half of the work.",
             .avoided = "Whoever makes something pending wakes whoever sleeps for it, in one step: "
                        "the machine that takes an irqfd's count wakes the CPU that waits.",
             .last = BELLWIRE_RAISED,
             .play = play_halted},
    Scenario{
        .name = "masked",
        .shows = "a pending bit that nobody sets while the vector is masked",
        .met = "cloud-hypervisor (#7781)",
        .defect =
            "A vhost-user back-end's interrupt is an eventfd's count that KVM takes, past the VMM. "
            "The VMM set a vector's pending bit only for interrupts of its own. The unmask still "
            "brought the interrupt; but a guest that reads the bit until it is set waits for ever.",
        .rule = "39: reading the pending bit while the vector is masked takes the eventfd's count.",
        .avoided = "The bit is made from the eventfd's count when it is read, and the unmask makes "
                   "an interrupt of it.",
        .last = BELLWIRE_RAISED,
        .play = play_masked},
    Scenario{
        .name = "resample",
        .shows = "a level interrupt whose resample is lost",
        .met = "cloud-hypervisor (#4999)",
        .defect = "The end of an interrupt by level has to reach whoever drives the line. A VMM "
                  "without a resample eventfd guessed it from accesses to the device, and might "
                  "never unmask the interrupt. Here the count of the resample eventfd is dropped.",
        .rule = "34: with resample, a signal only raises the line. At EOI the line is lowered "
                "once, and each resample eventfd of the GSI is signalled.",
        .avoided = "At each resample the device's state decides: if the guest has not taken all "
                   "that there is, the line is raised again.",
        .last = BELLWIRE_RAISED,
        .play = play_resample},
};

}  // namespace

std::span<const Scenario> scenarios() noexcept {
  return all_scenarios;
}

Result<Played> play(const Scenario& scenario, bool defect) {
  Played played{.scenario = &scenario, .defect = defect, .run_log = {}, .finding = {}};
  try {
    played.finding = scenario.play(played.run_log, defect);
  } catch (const std::exception& why) {
    return fault(std::errc::io_error, "scenario '{}': {}", scenario.name, why.what());
  }
  if (!played.finding) played.run_log.tell("watchdog", "finds every request done");
  return played;
}

}  // namespace bellwire::host
