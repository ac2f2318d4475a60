// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/observe/observation.hpp"

#include <boost/endian/conversion.hpp>
#include <cstring>
#include <map>

#include "vdev/log/log.hpp"

namespace bellwire::pci {
namespace {

using Clock = Event::Clock;

std::uint64_t value_of(std::span<const std::byte> bytes) noexcept {
  std::uint64_t value = 0;
  if (bytes.size() > sizeof value) return 0;
  if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
  return boost::endian::little_to_native(value);
}

}  // namespace

// Not without a name: Taps has external linkage, and in a unity file gcc warns of what it contains.
namespace taps {

// Calls `act`, measures how long it takes, and reports the event.
template <class Act>
void observe(Observer& observer, Event event, const Act& act) noexcept {
  event.began = Clock::now();
  event.value = act();
  event.took = Clock::now() - event.began;
  observer.saw(event);
}

class RegisterTap final : public RegisterBlock {
 public:
  RegisterTap(std::uint8_t bar, RegisterBlock& inner, Observer& observer) noexcept
      : bar_(bar), inner_(inner), observer_(observer) {}

  std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override {
    std::uint64_t value = 0;
    observe(observer_, event(EventKind::read, offset, size),
            [&] { return value = inner_.read(offset, size); });
    return value;
  }
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept override {
    observe(observer_, event(EventKind::write, offset, size), [&] {
      inner_.write(offset, size, value);
      return value;
    });
  }
  [[nodiscard]] RegisterBlock& inner() const noexcept { return inner_; }

 private:
  [[nodiscard]] Event event(EventKind kind, std::uint64_t offset, unsigned size) const noexcept {
    return {.kind = kind, .bar = bar_, .size = size, .where = offset};
  }

  std::uint8_t bar_;
  RegisterBlock& inner_;
  Observer& observer_;
};

class AccessTap final : public Access {
 public:
  AccessTap(Access& inner, Observer& observer) noexcept : inner_(inner), observer_(observer) {}

  void read_config(std::size_t offset, std::span<std::byte> into) noexcept override {
    observe(observer_, event(EventKind::config_read, offset, into.size()), [&] {
      inner_.read_config(offset, into);
      return value_of(into);
    });
  }
  void write_config(std::size_t offset, std::span<const std::byte> from) noexcept override {
    observe(observer_, event(EventKind::config_write, offset, from.size()), [&] {
      inner_.write_config(offset, from);
      return value_of(from);
    });
  }
  void reset() noexcept override {
    observe(observer_, event(EventKind::reset, 0, 0), [&] {
      inner_.reset();
      return std::uint64_t{0};
    });
  }
  [[nodiscard]] Access& inner() const noexcept { return inner_; }

 private:
  static Event event(EventKind kind, std::size_t offset, std::size_t size) noexcept {
    return {.kind = kind, .size = static_cast<std::uint32_t>(size), .where = offset};
  }

  Access& inner_;
  Observer& observer_;
};

// A transfer may end after the observation: then it is not reported.
class DmaTap final : public DmaObserver {
 public:
  explicit DmaTap(Observer& observer) : observer_(std::make_shared<Observer*>(&observer)) {}
  ~DmaTap() override { *observer_ = nullptr; }

  DmaDone began(bool write, std::uint64_t address, std::span<const std::byte> bytes,
                DmaDone done) override {
    const Event event{.kind = write ? EventKind::dma_write : EventKind::dma_read,
                      .size = static_cast<std::uint32_t>(bytes.size()),
                      .where = address,
                      .began = Clock::now()};
    return [event, bytes, to = observer_, done = std::move(done)](Result<void> result) mutable {
      if (*to != nullptr) tell(**to, event, bytes, result.has_error());
      done(std::move(result));
    };
  }

 private:
  static void tell(Observer& observer, Event event, std::span<const std::byte> bytes,
                   bool failed) noexcept {
    event.took = Clock::now() - event.began;
    event.failed = failed;
    event.value = failed ? 0 : value_of(bytes);
    observer.saw(event);
  }

  std::shared_ptr<Observer*> observer_;
};

// Reports each interrupt that arrives to the observer.
class InterruptWitness final : public FaultWitness {
 public:
  explicit InterruptWitness(Observer& observer) noexcept : observer_(observer) {}

  void arrived(FaultWire, unsigned vector, std::uint64_t count, bool lost) noexcept override {
    observer_.saw({.kind = EventKind::interrupt,
                   .failed = lost,
                   .size = static_cast<std::uint32_t>(count),
                   .where = vector,
                   .value = 0,
                   .began = Clock::now()});
  }

 private:
  Observer& observer_;
};

// A switch stands between the device and the client's eventfds.
class InterruptTap final : public ConnectionTap {
 public:
  InterruptTap(boost::asio::io_context& context, Observer& observer,
               std::shared_ptr<FaultTally> faults)
      : switch_(FaultSwitch::create(context, std::move(faults),
                                    std::make_shared<InterruptWitness>(observer))) {}
  ~InterruptTap() override {
    for (const auto& [interrupt, place] : places_) switch_->remove(place);
  }

  os::EventFd connected(InterruptKind kind, unsigned index, os::EventFd event) noexcept override {
    disconnected(kind, index);
    auto own = os::EventFd::create();
    auto from = own ? own->duplicate() : Result<os::EventFd>(own.error());
    auto to = event.duplicate();  // `event` itself, if there is none
    auto place = from && to ? switch_->add({.kind = FaultWire::interrupt,
                                            .index = index,
                                            .from = std::move(*from),
                                            .to = std::move(*to)})
                            : Result<unsigned>(from ? to.error() : from.error());
    if (!place) {
      log::warning("interrupt {} is not recorded: {}", index, place.error().message);
      return event;
    }
    places_[{kind, index}] = *place;
    return std::move(*own);
  }

  // The client wants nothing more of it.
  void disconnected(InterruptKind kind, unsigned index) noexcept override {
    const auto found = places_.find({kind, index});
    if (found == places_.end()) return;
    switch_->remove(found->second, false);
    places_.erase(found);
  }

 private:
  const std::shared_ptr<FaultSwitch> switch_;
  std::map<std::pair<InterruptKind, unsigned>, unsigned> places_;
};

}  // namespace taps

struct Observation::Taps {
  Taps(boost::asio::io_context& context, Function& function, Observer& observer,
       std::shared_ptr<FaultTally> faults)
      : access(function.access(), observer),
        dma(observer),
        interrupts(context, observer, std::move(faults)) {}

  std::array<std::optional<taps::RegisterTap>, most_bars> registers;
  taps::AccessTap access;
  taps::DmaTap dma;
  taps::InterruptTap interrupts;
};

Observation::Observation(boost::asio::io_context& context, Function& function, Observer& observer,
                         std::shared_ptr<FaultTally> faults)
    : function_(function),
      taps_(std::make_unique<Taps>(context, function, observer, std::move(faults))) {
  for (unsigned bar = 0; bar < most_bars; ++bar)
    if (auto* const inner = function.bars()[bar].registers; inner != nullptr)
      function.serve_registers(
          bar, &taps_->registers[bar].emplace(static_cast<std::uint8_t>(bar), *inner, observer));
  function.serve_access(taps_->access);
  function.memory().tell(&taps_->dma);
  function.interrupts().tell(&taps_->interrupts);
}

Observation::~Observation() {
  for (unsigned bar = 0; bar < most_bars; ++bar)
    if (auto& tap = taps_->registers[bar]) function_.serve_registers(bar, &tap->inner());
  function_.serve_access(taps_->access.inner());
  function_.memory().tell(nullptr);
  function_.interrupts().tell(nullptr);
}

}  // namespace bellwire::pci
