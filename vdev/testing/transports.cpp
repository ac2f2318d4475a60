// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/transports.hpp"

#include <thread>

#include "vdev/machine/kvm/kvm_machine.hpp"
#include "vdev/machine/model/soft_machine.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/testing/vfio_user.hpp"
#include "vdev/transport/card/card.hpp"
#include "vdev/transport/in_process/in_process.hpp"
#include "vdev/transport/ivshmem/peer.hpp"
#include "vdev/transport/ivshmem/switchboard.hpp"
#include "vdev/transport/vfio_user/client/client.hpp"

namespace bellwire::testing {
namespace {

Result<std::unique_ptr<TransportFixture>> make_vfio_user_fixture(unsigned queues);

class InProcessFixture final : public TransportFixture {
 public:
  static Result<std::unique_ptr<TransportFixture>> create(unsigned queues,
                                                          machine::MachineFactory machine) {
    auto fixture = std::make_unique<InProcessFixture>();
    auto made = in_process::InProcess::create(fixture->context_,
                                              {.queues = queues, .machine = std::move(machine)});
    if (!made) return made.error();
    fixture->transport_ = std::move(*made);
    return std::unique_ptr<TransportFixture>(std::move(fixture));
  }

  Result<Attachment> attach() override { return transport_->attach(nullptr); }
  machine::Endpoint& endpoint() override { return transport_->endpoint(); }
  MemoryView memory() override { return transport_->memory(); }

 private:
  boost::asio::io_context context_;
  std::unique_ptr<in_process::InProcess> transport_;
};

// A switchboard on a thread of its own, a device at it, and what QEMU would be: a peer whose
// eventfds are wired to a machine.
class IvshmemFixture final : public TransportFixture {
 public:
  explicit IvshmemFixture(unsigned queues)
      : path_(folder_.file("socket")),
        switchboard_(ivshmem::Switchboard::create(
                         context_, {.path = path_, .vectors = queues, .memory = 1 << 20})
                         .value()),
        thread_([this] { context_.run(); }),
        guest_(join(true).value()) {
    auto wires = guest_.peer->attach().value();
    std::vector<os::EventFd> doorbells;
    for (const auto& interrupt : wires.interrupts)
      doorbells.push_back(os::EventFd::adopt(os::duplicate(interrupt.fd())).value());
    memory_ = wires.memory;
    card_.emplace(
        machine::Endpoint::plug(machine_, std::move(doorbells), std::move(wires.doorbells))
            .value());
  }
  ~IvshmemFixture() override {
    context_.stop();
    thread_.join();
  }

  Result<Attachment> attach() override {
    detach();
    auto joined = join(false);
    for (int attempt = 0; !joined && attempt < 1000; ++attempt) {  // its last life is leaving
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      joined = join(false);
    }
    if (!joined) return joined.error();
    device_.emplace(std::move(*joined));
    return device_->peer->attach();
  }
  void detach() override { device_.reset(); }
  machine::Endpoint& endpoint() override { return *card_; }
  MemoryView memory() override { return memory_; }

 private:
  struct Joined {  // the peer goes before its context
    std::unique_ptr<boost::asio::io_context> context;
    std::unique_ptr<ivshmem::Peer> peer;
  };
  Result<Joined> join(bool guest) {
    Joined joined{std::make_unique<boost::asio::io_context>(1), nullptr};
    auto peer = ivshmem::Peer::connect(*joined.context, {.path = path_, .guest = guest});
    if (!peer) return peer.error();
    joined.peer = std::move(*peer);
    return joined;
  }

  TemporaryFolder folder_;
  std::string path_;
  boost::asio::io_context context_{1};
  ivshmem::Switchboard switchboard_;
  std::thread thread_;
  Joined guest_;
  std::optional<Joined> device_;
  machine::SoftMachine machine_;
  MemoryView memory_;
  std::optional<machine::Endpoint> card_;
};

Result<std::unique_ptr<TransportFixture>> make_in_process(unsigned queues) {
  return make_in_process_fixture(queues, machine::SoftMachine::create);
}

Result<std::unique_ptr<TransportFixture>> make_adaptive(unsigned queues) {
  auto fixture = make_in_process(queues);
  if (fixture) (*fixture)->polling = Polling::adaptive;
  return fixture;
}

Result<std::unique_ptr<TransportFixture>> make_always_polled(unsigned queues) {
  auto fixture = make_in_process(queues);
  if (fixture) (*fixture)->polling = Polling::always;
  return fixture;
}

Result<std::unique_ptr<TransportFixture>> make_kvm(unsigned queues) {
  return make_in_process_fixture(queues, kvm::KvmMachine::create);
}

Result<std::unique_ptr<TransportFixture>> make_ivshmem(unsigned queues) {
  return std::unique_ptr<TransportFixture>(std::make_unique<IvshmemFixture>(queues));
}

constexpr TestedTransport entries[] = {
    {"in-process", make_in_process},
    {"in-process, polled while it pays", make_adaptive},
    {"in-process, polled", make_always_polled},
    {"kvm", make_kvm},
    {"ivshmem", make_ivshmem},
    {"vfio-user", make_vfio_user_fixture},
};

}  // namespace

Result<std::unique_ptr<TransportFixture>> make_in_process_fixture(unsigned queues,
                                                                  machine::MachineFactory machine) {
  return InProcessFixture::create(queues, std::move(machine));
}

std::span<const TestedTransport> transports() noexcept {
  return entries;
}

namespace {

constexpr std::uint64_t memory_size = 1 << 20;
constexpr std::uint64_t memory_address = 0x1'0000'0000;

class VfioUserFixture final : public TransportFixture {
 public:
  explicit VfioUserFixture(unsigned queues)
      : served_([queues](boost::asio::io_context& context) {
          return card::Card::create(context, {.queues = queues, .memory = memory_size}).value();
        }),
        client_(vfio_user::Client::connect(served_.path()).value()),
        memory_fd_(os::create_memfd("vfio-user-fixture", memory_size).value()),
        memory_(os::Mapping::create(memory_fd_.get(), memory_size).value()),
        card_(machine::Endpoint::plug(machine_, doorbells(), interrupts(queues)).value()) {
    turn_on(queues);
  }

  Result<Attachment> attach() override {
    return served_.with([](card::Card& card) { return card.attach(); });
  }
  machine::Endpoint& endpoint() override { return card_; }
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
  machine::Endpoint card_;
};

Result<std::unique_ptr<TransportFixture>> make_vfio_user_fixture(unsigned queues) {
  return std::unique_ptr<TransportFixture>(std::make_unique<VfioUserFixture>(queues));
}

}  // namespace
}  // namespace bellwire::testing
