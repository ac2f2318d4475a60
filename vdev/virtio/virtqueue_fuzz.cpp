// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against the device's side of a virtqueue, of both layouts. The input is what a hostile
// driver does: it writes descriptors, tables and words, and the device takes what it finds and
// returns it in any order. The guest's memory has neighbours on both sides, whose bytes tell if
// something left it. In the end an honest driver begins anew, and must be served.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "vdev/fuzz/check.hpp"
#include "vdev/virtio/device_virtqueue.hpp"
#include "vdev/virtio/driver_virtqueue.hpp"

using namespace bellwire;
using namespace bellwire::virtio;

namespace {

using fuzz::require;

constexpr std::uint64_t room = 4096;           // bytes of the guest's memory, and of each neighbour
constexpr std::uint64_t base = 0x1'0000'0000;  // its guest address
constexpr std::uint64_t driver_area = 1024;    // offsets in it; the descriptors are at 0
constexpr std::uint64_t device_area = 2048;
constexpr std::uint64_t buffers = 3072;
constexpr std::uint16_t most_size = 32;
constexpr std::byte untouched{0xA5};

class Memory {
 public:
  Memory() : whole_(create()) {
    std::ranges::fill(whole_.bytes(), untouched);
    std::ranges::fill(guest(), std::byte{0});
    add();
  }
  void add() {
    space.add({.address = base, .size = room, .memory = whole_.part(room, room)}).value();
  }
  [[nodiscard]] std::span<std::byte> guest() const { return whole_.bytes().subspan(room, room); }
  [[nodiscard]] bool has(std::span<const std::byte> bytes) const {
    const auto all = std::span<const std::byte>(guest());
    return bytes.data() >= all.data() && bytes.data() + bytes.size() <= all.data() + all.size();
  }
  [[nodiscard]] bool neighbours_untouched() const {
    const auto all = whole_.bytes();
    const auto same = [](std::byte byte) { return byte == untouched; };
    return std::ranges::all_of(all.first(room), same) && std::ranges::all_of(all.last(room), same);
  }

  DmaSpace space;

 private:
  static MemoryView create() {
    const auto fd = os::create_memfd("fuzz", 3 * room).value();
    return MemoryView(os::Mapping::create(fd.get(), 3 * room).value());
  }
  MemoryView whole_;
};

class Attack {
 public:
  explicit Attack(FuzzedDataProvider& input) : input_(input), layout_(choose_layout()) {
    restart({});
  }

  void run() {
    while (input_.remaining_bytes() > 0) (this->*input_.PickValueInArray(actions))();
    end_honestly();
    require(memory_.neighbours_untouched());
  }

 private:
  using Action = void (Attack::*)();

  QueueLayout choose_layout() {
    QueueLayout layout{.packed = input_.ConsumeBool(),
                       .event_index = input_.ConsumeBool(),
                       .indirect = input_.ConsumeBool(),
                       .descriptors = base,
                       .driver_area = base + driver_area,
                       .device_area = base + device_area};
    layout.size =
        layout.packed
            ? input_.ConsumeIntegralInRange<std::uint16_t>(1, most_size)
            : static_cast<std::uint16_t>(1U << (input_.ConsumeIntegral<std::uint8_t>() % 6));
    return layout;
  }

  // A position that the fuzzer chooses may be refused.
  void restart(const QueuePosition& position) {
    auto device = DeviceVirtqueue::create(layout_, position, memory_.space);
    if (!device) return require(device.error().code == std::errc::invalid_argument);
    taken_.clear();
    device_.emplace(std::move(*device));
  }
  void restart_anywhere() {
    restart({.next_available = input_.ConsumeIntegral<std::uint16_t>(),
             .next_used = input_.ConsumeIntegral<std::uint16_t>(),
             .available_wrap = input_.ConsumeBool(),
             .used_wrap = input_.ConsumeBool()});
  }
  void restart_here() { restart(device_->position()); }

  // Guest addresses: mostly good ones, and those around the limits.
  std::uint64_t address() {
    const auto offset = input_.ConsumeIntegral<std::uint16_t>();
    switch (input_.ConsumeIntegral<std::uint8_t>() % 8) {
      case 0:
        return input_.ConsumeIntegral<std::uint64_t>();
      case 1:
        return base + room - offset % 32;
      case 2:
        return base - offset % 32;
      default:
        return base + offset % room;
    }
  }
  std::uint32_t length() {
    if (input_.ConsumeIntegral<std::uint8_t>() % 8 == 0)
      return input_.ConsumeIntegral<std::uint32_t>();
    return input_.ConsumeIntegral<std::uint8_t>();
  }

  // 16 bytes that are a descriptor of this layout, in the ring or in a table.
  void write_descriptor() {
    const auto place = std::uint64_t{input_.ConsumeIntegral<std::uint8_t>()} * sizeof(vring_desc);
    vring_desc descriptor{address(), length(), input_.ConsumeIntegralInRange<std::uint16_t>(0, 7),
                          input_.ConsumeIntegral<std::uint8_t>()};
    if (layout_.packed) std::swap(descriptor.flags, descriptor.next);
    if (layout_.packed && input_.ConsumeBool()) descriptor.next |= next_flags();
    std::memcpy(memory_.guest().data() + place % room, &descriptor, sizeof descriptor);
  }
  std::uint16_t next_flags() const {
    const auto at = device_->position();
    return PackedIndex{at.next_available, at.available_wrap}.available_flags();
  }
  void write_byte() {
    const auto at = input_.ConsumeIntegralInRange<std::size_t>(0, room - 1);
    memory_.guest()[at] = std::byte{input_.ConsumeIntegral<std::uint8_t>()};
  }
  // One chain more is available, in a split queue.
  void offer() {
    auto* ring = reinterpret_cast<vring_avail*>(memory_.guest().data() + driver_area);
    if (layout_.packed) return;
    ring->ring[ring->idx % layout_.size] = input_.ConsumeIntegral<std::uint8_t>();
    ++ring->idx;
  }

  void pop() {
    auto storage = std::make_unique<ChainStorage>();
    const auto before = device_->malformed();
    const auto taken = device_->pop(*storage);
    require(device_->malformed() == before + (taken == Taken::malformed ? 1U : 0U));
    require(device_->broken() == (taken == Taken::broken));
    if (taken == Taken::broken) require(!describe(device_->error()).message.empty());
    if (taken == Taken::malformed) require(!describe(device_->last_malformed()).empty());
    if (taken != Taken::chain) return;
    use(storage->chain());
    taken_.push_back(std::move(storage));
    require(device_->in_flight() == taken_.size() && taken_.size() <= layout_.size);
  }
  void retake() {
    auto storage = std::make_unique<ChainStorage>();
    if (layout_.packed || taken_.size() == layout_.size) return;
    if (device_->retake(input_.ConsumeIntegral<std::uint8_t>(), *storage) != Taken::chain) return;
    use(storage->chain());
    taken_.push_back(std::move(storage));
  }

  void use(const Chain& chain) {
    std::uint64_t readable = 0;
    std::uint64_t writable = 0;
    unsigned sum = 0;
    for (const auto& bytes : chain.readable) {
      require(memory_.has(bytes) && !bytes.empty());
      readable += bytes.size();
      for (const auto byte : bytes) sum += std::to_integer<unsigned>(byte);
    }
    for (const auto& bytes : chain.writable) {
      require(memory_.has(bytes) && !bytes.empty());
      writable += bytes.size();
      std::ranges::fill(bytes, std::byte(sum));
    }
    require(readable == chain.readable_size && writable == chain.writable_size);
    require(chain.readable.size() + chain.writable.size() <= layout_.size);
    require(chain.descriptors > 0 && chain.descriptors <= layout_.size);
  }

  void push() {
    if (taken_.empty()) return;
    const auto at = input_.ConsumeIntegral<std::uint8_t>() % taken_.size();
    device_->push(taken_[at]->chain(), input_.ConsumeIntegral<std::uint8_t>());
    taken_.erase(taken_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void publish() {
    device_->publish();
    (void)device_->should_call();
    require(!device_->should_call());
  }
  void enable_kicks() { require(!device_->enable_kicks() || !device_->broken()); }
  void disable_kicks() { device_->disable_kicks(); }

  // The memory goes and comes: what is in flight has been let go before.
  void lose_memory() {
    taken_.clear();
    memory_.space.clear();
    ChainStorage storage;
    if (device_->pop(storage) == Taken::chain)
      require(storage.chain().readable_size + storage.chain().writable_size == 0);
    memory_.add();
    restart({});
  }

  static constexpr Action actions[] = {&Attack::write_descriptor,
                                       &Attack::write_descriptor,
                                       &Attack::write_descriptor,
                                       &Attack::write_byte,
                                       &Attack::offer,
                                       &Attack::offer,
                                       &Attack::pop,
                                       &Attack::pop,
                                       &Attack::pop,
                                       &Attack::retake,
                                       &Attack::push,
                                       &Attack::push,
                                       &Attack::publish,
                                       &Attack::enable_kicks,
                                       &Attack::disable_kicks,
                                       &Attack::restart_here,
                                       &Attack::restart_anywhere,
                                       &Attack::lose_memory};

  void end_honestly() {
    auto driver = DriverVirtqueue::create(layout_, {}, memory_.space).value();
    restart({});
    const GuestBuffer buffer{base + buffers, 16};
    for (std::uint64_t token = 0; token < std::uint64_t{3} * layout_.size; ++token) {
      ChainStorage storage;
      require(driver.add({}, {&buffer, 1}, token));
      driver.publish();
      require(device_->pop(storage) == Taken::chain && storage.chain().writable_size == 16);
      device_->push(storage.chain(), 7);
      device_->publish();
      const auto used = driver.poll_used();
      require(used && used->token == token && used->written == 7);
    }
  }

  FuzzedDataProvider& input_;
  Memory memory_;
  QueueLayout layout_;
  std::optional<DeviceVirtqueue> device_;
  std::vector<std::unique_ptr<ChainStorage>> taken_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  Attack(input).run();
  return 0;
}
