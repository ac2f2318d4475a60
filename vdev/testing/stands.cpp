// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/stands.hpp"

#include <thread>

#include "vdev/machine/kvm/kvm_machine.hpp"
#include "vdev/testing/scripted_server.hpp"
#include "vdev/testing/vfio_user_stand.hpp"
#include "vdev/transport/in_process/in_process.hpp"
#include "vdev/transport/ivshmem/peer.hpp"
#include "vdev/transport/ivshmem/switchboard.hpp"

namespace bellwire::testing {
namespace {

class InProcessStand final : public Stand {
 public:
  static Result<std::unique_ptr<Stand>> create(unsigned queues, machine::MachineFactory machine) {
    auto stand = std::make_unique<InProcessStand>();
    auto made = in_process::InProcess::create(stand->context_,
                                              {.queues = queues, .machine = std::move(machine)});
    if (!made) return made.error();
    stand->transport_ = std::move(*made);
    return std::unique_ptr<Stand>(std::move(stand));
  }

  Result<Attachment> attach() override { return transport_->attach(nullptr); }
  machine::Card& card() override { return transport_->card(); }
  MemoryView memory() override { return transport_->memory(); }

 private:
  boost::asio::io_context context_;
  std::unique_ptr<in_process::InProcess> transport_;
};

// A switchboard on a thread of its own, a device at it, and what QEMU would be: a peer whose
// eventfds are wired to a machine.
class IvshmemStand final : public Stand {
 public:
  explicit IvshmemStand(unsigned queues)
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
        machine::Card::plug(machine_, std::move(doorbells), std::move(wires.doorbells)).value());
  }
  ~IvshmemStand() override {
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
  machine::Card& card() override { return *card_; }
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
  std::optional<machine::Card> card_;
};

Result<std::unique_ptr<Stand>> make_in_process(unsigned queues) {
  return make_in_process_stand(queues, machine::SoftMachine::create);
}

Result<std::unique_ptr<Stand>> make_adaptive(unsigned queues) {
  auto stand = make_in_process(queues);
  if (stand) (*stand)->polling = Polling::adaptive;
  return stand;
}

Result<std::unique_ptr<Stand>> make_always_polled(unsigned queues) {
  auto stand = make_in_process(queues);
  if (stand) (*stand)->polling = Polling::always;
  return stand;
}

Result<std::unique_ptr<Stand>> make_kvm(unsigned queues) {
  return make_in_process_stand(queues, kvm::KvmMachine::create);
}

Result<std::unique_ptr<Stand>> make_ivshmem(unsigned queues) {
  return std::unique_ptr<Stand>(std::make_unique<IvshmemStand>(queues));
}

constexpr StandEntry entries[] = {
    {"in-process", make_in_process},
    {"in-process, polled while it pays", make_adaptive},
    {"in-process, polled", make_always_polled},
    {"kvm", make_kvm},
    {"ivshmem", make_ivshmem},
    {"vfio-user", make_vfio_user_stand},
};

}  // namespace

Result<std::unique_ptr<Stand>> make_in_process_stand(unsigned queues,
                                                     machine::MachineFactory machine) {
  return InProcessStand::create(queues, std::move(machine));
}

std::span<const StandEntry> stands() noexcept {
  return entries;
}

}  // namespace bellwire::testing
