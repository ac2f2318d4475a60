// SPDX-License-Identifier: BSD-3-Clause
#include <cerrno>
#include <utility>

#include "vdev/machine/rules/event_file.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::rules {
namespace {

constexpr std::uint64_t most = ~std::uint64_t{0};  // the count that only the kernel can reach

class ModelEventFile final : public EventFile {
 public:
  explicit ModelEventFile(bool semaphore) : semaphore_(semaphore) {}

  Read read(std::size_t size) override {
    if (size < sizeof count_) return {EINVAL, 0};
    if (count_ == 0) return {EAGAIN, 0};
    const auto taken = semaphore_ ? 1 : count_;
    count_ -= taken;
    return {0, taken};
  }

  int write(std::uint64_t value, std::size_t size) override {
    if (size != sizeof value || value == most) return EINVAL;
    if (value > most - 1 - count_) return EAGAIN;
    count_ += value;
    if (count_ > 0) woke_ = true;
    return 0;
  }

  Poll poll() override { return {count_ > 0, count_ < most - 1, count_ == most}; }
  bool woke() override { return std::exchange(woke_, false) && count_ > 0; }
  std::string told() override { return text("{:x}", count_); }

 private:
  const bool semaphore_;
  std::uint64_t count_ = 0;
  bool woke_ = false;
};

}  // namespace

std::unique_ptr<EventFile> make_model_event_file(bool semaphore) {
  return std::make_unique<ModelEventFile>(semaphore);
}

}  // namespace bellwire::rules
