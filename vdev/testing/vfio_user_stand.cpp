// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/vfio_user_stand.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>

#include "vdev/bus/soft_machine.hpp"
#include "vdev/testing/scripted_server.hpp"
#include "vdev/transport/card/card.hpp"
#include "vdev/transport/vfio_user/client.hpp"
#include "vdev/transport/vfio_user/server.hpp"

namespace bellwire::testing {
namespace {

constexpr std::uint64_t memory_size = 1 << 20;
constexpr std::uint64_t memory_address = 0x1'0000'0000;

// The card on its context, and the one thread that runs it.
class Served {
 public:
  Served(const std::string& path, unsigned queues)
      : card_(card::Card::create(context_, {.queues = queues, .memory = memory_size}).value()),
        server_(vfio_user::Server::create(context_, *card_, {.path = path}).value()),
        thread_([this] { context_.run(); }) {}
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;
  ~Served() {
    context_.stop();
    thread_.join();
  }

  Result<Attachment> attach() {
    return boost::asio::post(context_, boost::asio::use_future([this] { return card_->attach(); }))
        .get();
  }

 private:
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context_.get_executor()};
  std::unique_ptr<card::Card> card_;
  vfio_user::Server server_;
  std::thread thread_;
};

class VfioUserStand final : public Stand {
 public:
  explicit VfioUserStand(unsigned queues)
      : served_(folder_.file("socket"), queues),
        client_(vfio_user::Client::connect(folder_.file("socket")).value()),
        memory_fd_(os::create_memfd("vfio-user-stand", memory_size).value()),
        memory_(os::Mapping::create(memory_fd_.get(), memory_size).value()),
        card_(bus::Card::plug(machine_, doorbells(), interrupts(queues)).value()) {
    turn_on(queues);
  }

  Result<Attachment> attach() override { return served_.attach(); }
  bus::Card& card() override { return card_; }
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

  TemporaryFolder folder_;
  Served served_;
  vfio_user::Client client_;
  os::UniqueFd memory_fd_;
  MemoryView memory_;
  bus::SoftMachine machine_;
  bus::Card card_;
};

}  // namespace

Result<std::unique_ptr<Stand>> make_vfio_user_stand(unsigned queues) {
  return std::unique_ptr<Stand>(std::make_unique<VfioUserStand>(queues));
}

}  // namespace bellwire::testing
