// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against the switch and its cards. The input is what the drivers of two cards do: they
// send chains that may be anything, give rooms for frames, disable, stop and reset their rings, and
// take their memory away. Each frame must be accounted for; what is received must be what the other
// card sent, in its order. Chains may also overlap or lie outside of memory: then only the counts
// are checked. The rings themselves are honest: virtqueue-fuzz attacks them.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstring>

#include "vdev/devices/net/fuzzed_card.hpp"
#include "vdev/log/log.hpp"
#include "vdev/loop/asio.hpp"

using namespace bellwire;
using namespace bellwire::net;

namespace {

class Attack {
 public:
  Attack(boost::asio::io_context& context, FuzzedDataProvider& input)
      : context_(context),
        input_(input),
        hostile_(input.ConsumeBool()),
        cards_{choose(0), choose(1)} {}

  void run() {
    while (input_.remaining_bytes() > 0) (this->*input_.PickValueInArray(actions))();
    for (auto& card : cards_) {
      card.enable(Net::transmit_queue, true);
      card.enable(Net::receive_queue, true);
    }
    run_loop();
    for (unsigned which = 0; which < 2; ++which) receive_all(which);
    for (const auto& card : cards_) check_counts(card);
  }

 private:
  using Action = void (Attack::*)();
  static constexpr auto receive = Net::receive_queue, transmit = Net::transmit_queue;

  FuzzedCard choose(unsigned number) {
    return {
        context_,
        net_,
        number,
        {input_.ConsumeBool(), input_.ConsumeBool(), input_.ConsumeBool(), input_.ConsumeBool()}};
  }
  FuzzedCard& one() { return cards_[input_.ConsumeBool() ? 1 : 0]; }
  unsigned queue() { return input_.ConsumeBool() ? transmit : receive; }

  MacAddress address() {
    const auto kind = input_.ConsumeIntegral<std::uint8_t>();
    if (kind < 0x40) return MacAddress{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    if (kind < 0xF0) return MacAddress{{2}}.after(kind % 8);
    MacAddress any;
    input_.ConsumeData(any.bytes.data(), any.bytes.size());
    return any;
  }
  std::size_t frame_size() {
    const auto kind = input_.ConsumeIntegral<std::uint8_t>();
    if (kind < 0x80) return kind;
    if (kind < 0xE0) return input_.ConsumeIntegral<std::uint16_t>() % 1600U;
    return input_.ConsumeIntegral<std::uint16_t>() % 20'000U;
  }
  Bytes frame() {
    Bytes bytes(frame_size(), std::byte{input_.ConsumeIntegral<std::uint8_t>()});
    const auto to = address(), from = address();
    std::array<std::byte, 2 * MacAddress::size> both{};
    const auto end = std::ranges::copy(std::as_bytes(std::span(to.bytes)), both.begin()).out;
    std::ranges::copy(std::as_bytes(std::span(from.bytes)), end);
    std::copy_n(both.begin(), std::min(both.size(), bytes.size()), bytes.begin());
    return bytes;
  }

  // `size` bytes from an offset on, cut wherever the input says.
  std::vector<virtio::GuestBuffer> cut(std::uint32_t offset, std::uint32_t size) {
    std::vector<virtio::GuestBuffer> parts;
    while (size > 0) {
      const bool last = parts.size() + 1 == most_parts || input_.ConsumeBool();
      const auto part =
          last ? size : std::min<std::uint32_t>(size, input_.ConsumeIntegral<std::uint8_t>());
      parts.push_back({base + offset, part});
      offset += part;
      size -= part;
    }
    return parts;
  }
  // Anywhere but in the rings.
  virtio::GuestBuffer anywhere() {
    const auto offset = input_.ConsumeIntegralInRange<std::uint32_t>(rings_end, memory_size + 16);
    return {base + offset, input_.ConsumeIntegral<std::uint16_t>()};
  }

  void send() {
    auto& card = one();
    Bytes bytes(card.header_bytes());
    if (input_.ConsumeIntegral<std::uint8_t>() < 0x20)
      input_.ConsumeData(bytes.data(), bytes.size());
    const auto whole = frame();
    bytes.insert(bytes.end(), whole.begin(), whole.end());
    if (input_.ConsumeIntegral<std::uint8_t>() < 0x10) bytes.resize(bytes.size() / 2);
    const auto size = static_cast<std::uint32_t>(bytes.size());
    std::ranges::copy(bytes, card.bytes({base + rings_end, size}).begin());
    auto parts = cut(rings_end, size);
    if (hostile_ && input_.ConsumeBool()) parts.push_back(anywhere());
    if (size > card.header_bytes())
      card.sent.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(card.header_bytes()),
                             bytes.end());
    (void)card.add(transmit, parts, {});
    run_loop();  // the bytes are those of the next one then
    card.take(transmit);
  }
  void give() {
    auto& card = one();
    if (hostile_) return void(card.add(receive, {}, std::array{anywhere()}));
    if (card.given(receive) >= most_rooms) return;
    const auto at = rooms_begin + card.rooms % most_rooms * room_size;
    const auto parts = cut(at, input_.ConsumeIntegralInRange<std::uint32_t>(1, room_size));
    if (card.add(receive, {}, parts)) ++card.rooms;
  }

  void receive_all() { receive_all(input_.ConsumeBool() ? 1 : 0); }
  void receive_all(unsigned which) {
    auto& card = cards_[which];
    while (auto used = card.take_one(receive)) {
      if (used->written == 0) continue;
      // Where rooms overlap, the header that says that more follow may be overwritten.
      const bool follows = hostile_ && card.choice().mergeable;
      require(follows || used->written >= card.header_bytes());
      if (!hostile_) match(cards_[1 - which], join(card, std::move(used->bytes)));
    }
  }
  static Bytes join(FuzzedCard& card, Bytes bytes) {
    Header header{};
    std::memcpy(&header, bytes.data(), card.header_bytes());
    const unsigned count = card.header_bytes() == sizeof header ? header.num_buffers : 1;
    require(header.flags == 0 && header.gso_type == 0 && count > 0);
    require(card.choice().mergeable || count == 1);
    for (unsigned more = 1; more < count; ++more) {
      const auto next = card.take_one(receive);
      require(next && next->written > 0);
      bytes.insert(bytes.end(), next->bytes.begin(), next->bytes.end());
    }
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(card.header_bytes()));
    return bytes;
  }
  // It was sent, and after the one that was received before.
  static void match(FuzzedCard& sender, const Bytes& bytes) {
    while (!sender.sent.empty() && sender.sent.front() != bytes) sender.sent.pop_front();
    require(!sender.sent.empty());
    sender.sent.pop_front();
  }

  void check_counts(const FuzzedCard& card) const {
    const auto& port = card.card().port_counts();
    const auto& counts = card.card().card_counts();
    const auto all = port.received + port.runts + port.oversize + port.bad_sources +
                     counts.headless + counts.unfinished;
    require(all <= card.requests(transmit));
    const auto& other = (&card == &cards_.front() ? cards_.back() : cards_.front()).card();
    require(port.delivered + port.dropped <= other.port_counts().received);
  }

  void run_loop() {
    context_.restart();
    context_.poll();
  }
  void enable() {
    auto& card = one();
    card.enable(queue(), input_.ConsumeBool());
  }
  void stop() {
    auto& card = one();
    card.stop(queue());
  }
  void reset() { one().reset(); }
  void lose_memory() { one().lose_memory(); }

  static constexpr Action actions[] = {
      &Attack::send,   &Attack::send, &Attack::send,        &Attack::send,        &Attack::give,
      &Attack::give,   &Attack::give, &Attack::give,        &Attack::receive_all, &Attack::run_loop,
      &Attack::enable, &Attack::stop, &Attack::lose_memory, &Attack::reset};

  boost::asio::io_context& context_;
  FuzzedDataProvider& input_;
  const bool hostile_;
  std::shared_ptr<Switch> net_ = std::make_shared<Switch>(2U);
  std::array<FuzzedCard, 2> cards_;
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
