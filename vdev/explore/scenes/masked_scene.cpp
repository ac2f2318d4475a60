// SPDX-License-Identifier: BSD-3-Clause
//
// An interrupt line that is masked and unmasked while the device raises its interrupt, as the guest
// does with a vector and QEMU with an irqfd.
#include <atomic>

#include "vdev/core/interrupt.hpp"
#include "vdev/explore/scenes/scenes.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::explore {
namespace {

class Masked final : public Scene {
 public:
  std::vector<Actor> begin() override {
    auto event = os::EventFd::create().value();
    fd_ = event.fd();
    line_.emplace(std::move(event));
    work_ = 0;
    return {{"device", [this] { raise_all(); }},
            {"host", [this] { mask_and_unmask(); }},
            {"guest", [this] { take_all(); }}};
  }

  [[nodiscard]] std::string verdict() override {
    return line_->pending() ? "an interrupt is pending, and its line is not masked" : "";
  }
  [[nodiscard]] std::string name_of(const void* place) const override {
    return place == &work_ ? "work" : "the line's state";
  }

 private:
  static constexpr unsigned raises = 2;

  void raise_all() {
    const auto interrupt = line_->interrupt();
    for (unsigned raised = 0; raised < raises; ++raised) {
      work_.store(raised + 1, std::memory_order_release);
      interrupt.raise();
    }
  }

  void mask_and_unmask() {
    step("masks");
    auto event = line_->unbind();
    step("unmasks");
    line_->bind(std::move(*event));
  }

  void take_all() {
    while (work_.load(std::memory_order_acquire) != raises) {
      wait("its interrupt", [this] { return rings(fd_) > 0; });
      take_rings(fd_);
    }
  }

  std::optional<InterruptLine> line_;
  int fd_ = -1;
  std::atomic<std::uint32_t> work_ = 0;
};

}  // namespace

std::unique_ptr<Scene> masked_scene() {
  return std::make_unique<Masked>();
}

}  // namespace bellwire::explore
