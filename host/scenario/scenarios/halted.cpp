// SPDX-License-Identifier: BSD-3-Clause
//
// An interrupt becomes pending while the guest's CPU is halted. Somebody has to wake the CPU.
#include "host/scenario/scenario.hpp"
#include "host/scenario/small_vm.hpp"
#include "vdev/os/event_count.hpp"

namespace bellwire::host {
namespace {

// Stands before a machine. Its CPU halts when it finds no interrupt, and nothing wakes it: what
// arrives then is pending, and stays so.
class NeverWoken final : public machine::Machine {
 public:
  explicit NeverWoken(std::unique_ptr<machine::Machine> real) noexcept : real_(std::move(real)) {}

  int ioeventfd(const kvm_ioeventfd& request) override { return real_->ioeventfd(request); }
  int irqfd(const kvm_irqfd& request) override { return real_->irqfd(request); }
  int set_routes(std::span<const kvm_irq_routing_entry> routes) override {
    return real_->set_routes(routes);
  }
  void settle() override { real_->settle(); }
  std::optional<std::uint64_t> write(machine::Space space, std::uint64_t address, unsigned size,
                                     std::uint64_t value) override {
    return real_->write(space, address, size, value);
  }
  bool read(machine::Space space, std::uint64_t address, unsigned size) override {
    return real_->read(space, address, size);
  }
  void set_pin(const machine::Pin& pin) override { real_->set_pin(pin); }
  std::vector<std::uint8_t> take_interrupts(std::chrono::milliseconds patience) override {
    if (halted_) return {};
    auto taken = real_->take_interrupts(patience);
    halted_ = taken.empty();
    return taken;
  }

 private:
  std::unique_ptr<machine::Machine> real_;
  bool halted_ = false;
};

}  // namespace

std::optional<Finding> play_halted(RunLog& run_log, bool defect) {
  Plan plan;
  if (defect)
    plan.machine = [](auto real) { return std::make_unique<NeverWoken>(std::move(real)); };
  SmallVm vm(run_log, std::move(plan));
  vm.connect();
  vm.enable();
  vm.back_end().set_held(true);
  vm.submit();
  vm.tell("guest", vm.take_interrupt() ? "is interrupted too early"
                                       : "halts its CPU until an interrupt comes");
  vm.back_end().set_held(false);
  vm.settle();
  vm.machine().settle();
  vm.tell("back-end", text("completes request 0 and raises: used index {}", vm.used()));
  vm.tell("machine", text("the irqfd has taken the call's count ({} now): a vector is pending",
                          os::event_count(vm.ring().call.fd()).value()));
  vm.tell("machine", defect ? "the halted CPU is not woken: DEFECT" : "wakes the halted CPU");
  vm.take_interrupt();
  return watch(vm.watched());
}

}  // namespace bellwire::host
