// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against request devices on virtqueues. The input is what a hostile driver does: it
// splits its requests in any way, writes to its memory, also while a request is being served, and
// stops queues, resets the device or takes its memory away with requests in flight. The device
// answers at once, or keeps its requests and completes or drops them later. A driver of the first
// kind has an honest ring, and buffers that are apart: then each answer must be the right one. One
// of the other kind writes descriptors and rings as well. In the end an honest driver must be
// served.
#include "vdev/devices/fuzzed_driver.hpp"
#include "vdev/log/log.hpp"
#include "vdev/loop/asio.hpp"

using namespace bellwire;
using namespace bellwire::fuzz;

namespace {

class Attack final : public Serving {
 public:
  Attack(boost::asio::io_context& context, FuzzedDataProvider& input)
      : context_(context),
        input_(input),
        wild_(input.ConsumeBool()),
        guest_(context, choose_device(),
               {input.ConsumeBool(), input.ConsumeBool(), input.ConsumeBool()}) {}

  void run() {
    while (input_.remaining_bytes() > 0)
      (this->*(wild_ ? input_.PickValueInArray(wild_actions) : input_.PickValueInArray(actions)))();
    end_honestly();
    require(FuzzedMemory::neighbours_untouched());
  }

 private:
  using Action = void (Attack::*)();

  std::unique_ptr<RingDevice> choose_device() {
    if (input_.ConsumeBool()) return std::make_unique<Later>(*this);
    return std::make_unique<AtOnce>(*this);
  }

  // The device's side.

  void check(const ring::Request& request) const {
    require(request.input.size() <= BELLWIRE_MAX_REQUEST);
    require(request.output.size() <= BELLWIRE_MAX_REQUEST);
    const std::less_equal<> before;
    const auto& [in, out] = std::pair(request.input, request.output);
    require(in.empty() || out.empty() || before(in.data() + in.size(), out.data()) ||
            before(out.data() + out.size(), in.data()));
  }
  ring::Reply serve(const ring::Request& request) override {
    check(request);
    meanwhile();
    return answer(request);
  }
  void keep(ring::PendingRequest request) override {
    check(*request);
    require(request.queue() < queues);
    kept_.push_back(std::move(request));
    meanwhile();
    if (!ends_ && input_.ConsumeBool()) end(kept_.size() - 1);
  }
  void cancel(unsigned queue) override {
    if (patient_) return;
    for (auto at = kept_.size(); at-- > 0;)
      if (kept_[at].queue() == queue) end(at);
  }
  void end(std::size_t at) {
    std::swap(kept_[at], kept_.back());
    auto request = std::move(kept_.back());
    kept_.pop_back();
    if (ends_ || input_.ConsumeBool()) {
      const auto reply = answer(*request);
      std::move(request).complete(reply);
    }
  }
  void end_one() {
    if (!kept_.empty()) end(input_.ConsumeIntegral<std::uint8_t>() % kept_.size());
  }
  void end_all() {
    while (!kept_.empty()) end(kept_.size() - 1);
    run_loop();
  }

  // The driver's side. An honest ring, whose buffers are apart …

  unsigned queue() { return input_.ConsumeBool() ? 1 : 0; }
  void send() {
    const auto which = queue();
    const auto readable = any_size(input_);
    const auto writable = any_size(input_);
    if (!stopping_[which]) driver_.send(which, readable, writable);
  }
  void receive() { driver_.receive(); }

  // … and one that may be anything.

  void write(std::uint32_t at, std::span<const std::byte> from) {
    std::ranges::copy(from, FuzzedMemory::bytes({base + at, std::uint32_t(from.size())}).begin());
  }
  void write_bytes() {
    const auto size = input_.ConsumeIntegralInRange<std::uint32_t>(1, 16);
    const auto bytes = input_.ConsumeBytes<std::byte>(size);
    write(input_.ConsumeIntegralInRange<std::uint32_t>(0, memory_size - size), bytes);
  }
  // Mostly good, and around the limits.
  std::uint64_t address() {
    const auto kind = input_.ConsumeIntegral<std::uint8_t>();
    if (kind < 8) return input_.ConsumeIntegral<std::uint64_t>();
    if (kind < 16) return base + memory_size - kind;
    if (kind < 24) return base + border - kind;
    if (kind < 32) return base - kind;
    return base + input_.ConsumeIntegral<std::uint16_t>() % memory_size;
  }
  void write_descriptor() {
    const auto which = queue();
    const auto place = which * ring_room + input_.ConsumeIntegral<std::uint8_t>() % ring_size * 16U;
    const std::uint32_t size =
        input_.ConsumeBool() ? any_size(input_) : input_.ConsumeIntegral<std::uint32_t>();
    vring_desc descriptor{address(), size, input_.ConsumeIntegralInRange<std::uint16_t>(0, 7),
                          input_.ConsumeIntegral<std::uint8_t>()};
    if (guest_.choice().packed) {
      std::swap(descriptor.flags, descriptor.next);
      descriptor.next |= input_.PickValueInArray<std::uint16_t>({0, 1U << 7, 1U << 15, 0x8080});
    }
    write(place, std::as_bytes(std::span(&descriptor, 1)));
  }
  void offer() {
    const auto which = queue();
    auto* const ring =
        reinterpret_cast<vring_avail*>(FuzzedMemory::bytes().data() + which * ring_room + 1024);
    if (guest_.choice().packed) return;
    ring->ring[ring->idx % ring_size] = input_.ConsumeIntegral<std::uint8_t>() % 18U;
    ++ring->idx;
  }
  // While a request is being served.
  void meanwhile() {
    if (wild_ && input_.remaining_bytes() > 0 && input_.ConsumeBool()) write_bytes();
  }

  // The transport's side.

  void run_loop() {
    for (unsigned which = 0; wild_ && which < queues; ++which) guest_.kick(which);
    context_.restart();
    context_.poll();
  }
  void stop() {
    const auto which = queue();
    if (std::exchange(stopping_[which], true)) return;
    patient_ = input_.ConsumeBool();
    guest_.backend.stop_queue(which, [this, which](const auto&) { begin_again_.push_back(which); });
    patient_ = false;
    start_stopped();
  }
  void start_stopped() {
    for (const auto which : std::exchange(begin_again_, {})) {
      forget(which);
      guest_.start(which);
    }
  }
  void forget(unsigned which) {
    const auto counts = guest_.backend.counts(which);
    require(counts.requests == counts.completed);
    if (!wild_) driver_.forget(which);
    stopping_[which] = false;
  }
  void loop() {
    run_loop();
    start_stopped();
  }
  // What was cancelled before is not cancelled again, and would be waited for.
  void end_stopping() {
    for (unsigned which = 0; which < queues; ++which)
      if (stopping_[which]) cancel(which);
  }
  void reset() {
    end_stopping();
    guest_.backend.reset_now();
    require(kept_.empty());
    begin_again_.clear();
    for (unsigned which = 0; which < queues; ++which) forget(which);
    guest_.start();
  }
  void lose_memory() {
    end_stopping();
    guest_.memory.space.clear();
    require(kept_.empty());
    guest_.memory.share();
  }
  void read_config() {
    std::array<std::byte, 32> room{};
    const auto offset = input_.ConsumeIntegral<std::uint8_t>();
    const auto size = input_.ConsumeIntegral<std::uint8_t>() % room.size();
    const auto into = std::span(room).first(size);
    require(bool(guest_.backend.read_config(offset, into)) ==
            (offset + size <= sizeof(bellwire_virtio_config)));
    require(!guest_.backend.write_config(offset, into) || into.empty());
  }

  static constexpr Action actions[] = {
      &Attack::send,  &Attack::send,        &Attack::send,       &Attack::send,    &Attack::loop,
      &Attack::loop,  &Attack::end_one,     &Attack::end_one,    &Attack::receive, &Attack::stop,
      &Attack::reset, &Attack::lose_memory, &Attack::read_config};
  static constexpr Action wild_actions[] = {&Attack::write_descriptor,
                                            &Attack::write_descriptor,
                                            &Attack::write_descriptor,
                                            &Attack::write_bytes,
                                            &Attack::offer,
                                            &Attack::offer,
                                            &Attack::loop,
                                            &Attack::loop,
                                            &Attack::end_one,
                                            &Attack::stop,
                                            &Attack::reset,
                                            &Attack::lose_memory};

  void end_honestly() {
    ends_ = true;
    reset();  // makes the rings anew
    wild_ = false;
    for (unsigned which = 0; which < queues; ++which) driver_.begin(which);
    for (unsigned count = 0; count < ring_size + 2U; ++count) {
      driver_.send(count % queues, request_size + count, reply_size + 20);
      loop();
      end_all();
      receive();
      require(driver_.all_came(count % queues));
    }
  }

  boost::asio::io_context& context_;
  FuzzedDataProvider& input_;
  bool wild_;
  bool patient_ = false;  // completes nothing when its requests are cancelled
  bool ends_ = false;     // completes all
  std::array<bool, queues> stopping_{};
  std::vector<unsigned> begin_again_;  // queues that have stopped
  std::vector<ring::PendingRequest> kept_;
  FuzzedGuest guest_;
  FuzzedDriver driver_{guest_, input_};
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*arguments*/) {
  log::set_level(log::Level::off);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static boost::asio::io_context context{one_thread};
  FuzzedDataProvider input(data, size);
  Attack(context, input).run();
  return 0;
}
