// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/vfio_user_stand.hpp"

#include "vdev/machine/model/soft_machine.hpp"
#include "vdev/testing/served_function.hpp"
#include "vdev/transport/card/card.hpp"
#include "vdev/transport/vfio_user/client/client.hpp"

namespace bellwire::testing {
namespace {

constexpr std::uint64_t memory_size = 1 << 20;
constexpr std::uint64_t memory_address = 0x1'0000'0000;

class VfioUserStand final : public Stand {
 public:
  explicit VfioUserStand(unsigned queues)
      : served_([queues](boost::asio::io_context& context) {
          return card::Card::create(context, {.queues = queues, .memory = memory_size}).value();
        }),
        client_(vfio_user::Client::connect(served_.path()).value()),
        memory_fd_(os::create_memfd("vfio-user-stand", memory_size).value()),
        memory_(os::Mapping::create(memory_fd_.get(), memory_size).value()),
        card_(machine::Card::plug(machine_, doorbells(), interrupts(queues)).value()) {
    turn_on(queues);
  }

  Result<Attachment> attach() override {
    return served_.with([](card::Card& card) { return card.attach(); });
  }
  machine::Card& card() override { return card_; }
  MemoryView memory() override { return memory_; }

 private:
  std::vector<os::EventFd> doorbells() {
    std::vector<os::EventFd> events;
    for (auto& doorbell : client_.doorbells(VFIO_PCI_BAR0_REGION_INDEX).value())
      events.push_back(std::move(doorbell.event));
    return events;
  }

  std::vector<os::EventFd> interrupts(unsigned queues) {
    auto events = os::create_events(queues).value();
    client_.connect_irqs(VFIO_PCI_MSIX_IRQ_INDEX, 0, events).value();
    return events;
  }

  void turn_on(unsigned queues) {
    client_.map(memory_address, memory_size, memory_fd_.get()).value();
    set(BELLWIRE_CARD_MEMORY_LOW, static_cast<std::uint32_t>(memory_address));
    set(BELLWIRE_CARD_MEMORY_HIGH, static_cast<std::uint32_t>(memory_address >> 32));
    set(BELLWIRE_CARD_VECTORS, queues);
    set(BELLWIRE_CARD_CONTROL, BELLWIRE_CARD_ENABLE);
  }
  void set(std::uint64_t at, std::uint32_t value) {
    client_.store(VFIO_PCI_BAR0_REGION_INDEX, at, value).value();
  }

  ServedFunction<card::Card> served_;
  vfio_user::Client client_;
  os::UniqueFd memory_fd_;
  MemoryView memory_;
  machine::SoftMachine machine_;
  machine::Card card_;
};

}  // namespace

Result<std::unique_ptr<Stand>> make_vfio_user_stand(unsigned queues) {
  return std::unique_ptr<Stand>(std::make_unique<VfioUserStand>(queues));
}

}  // namespace bellwire::testing
