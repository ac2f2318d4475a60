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

// All observers as one.
class Audience final : public Observer {
 public:
  explicit Audience(std::vector<Observer*> observers) : observers_(std::move(observers)) {}

  void saw(const Event& event, std::span<const std::byte> bytes) noexcept override {
    for (auto* const each : observers_) each->saw(event, bytes);
  }
  void begins(const Event& event, std::span<const std::byte> bytes) noexcept override {
    for (auto* const each : observers_) each->begins(event, bytes);
  }
  void transfer_returned() noexcept override {
    for (auto* const each : observers_) each->transfer_returned();
  }
  void wired(InterruptKind kind, unsigned index, WireAct act) noexcept override {
    for (auto* const each : observers_) each->wired(kind, index, act);
  }
  void client(bool here) noexcept override {
    for (auto* const each : observers_) each->client(here);
  }
  void region(bool here, const AddressRange& range) noexcept override {
    for (auto* const each : observers_) each->region(here, range);
  }
  void used_directly(std::uint64_t address) noexcept override {
    for (auto* const each : observers_) each->used_directly(address);
  }

 private:
  std::vector<Observer*> observers_;
};

// Calls `act`, measures how long it takes, and reports the event: `in` are the bytes that reach the
// device, `out` those that come from it.
template <class Act>
void observe(Observer& observer, Event event, std::span<const std::byte> in,
             std::span<const std::byte> out, const Act& act) noexcept {
  event.value = value_of(in);
  observer.begins(event, in);
  event.began = Clock::now();
  act();
  event.took = Clock::now() - event.began;
  if (!out.empty()) event.value = value_of(out);
  observer.saw(event, out.empty() ? in : out);
}

// A register's value, as it is in memory.
using Word = std::array<std::byte, sizeof(std::uint64_t)>;

Word word_of(std::uint64_t value) noexcept {
  boost::endian::native_to_little_inplace(value);
  Word word{};
  std::memcpy(word.data(), &value, sizeof value);
  return word;
}

class RegisterTap final : public RegisterBlock {
 public:
  RegisterTap(std::uint8_t bar, RegisterBlock& inner, Observer& observer) noexcept
      : bar_(bar), inner_(inner), observer_(observer) {}

  std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override {
    std::uint64_t value = 0;
    Word word{};
    observe(observer_, event(EventKind::read, offset, size), {}, bytes_of(word, size), [&] {
      value = inner_.read(offset, size);
      word = word_of(value);
    });
    return value;
  }
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept override {
    const auto word = word_of(value);
    observe(observer_, event(EventKind::write, offset, size), bytes_of(word, size), {},
            [&] { inner_.write(offset, size, value); });
  }
  [[nodiscard]] RegisterBlock& inner() const noexcept { return inner_; }

 private:
  [[nodiscard]] Event event(EventKind kind, std::uint64_t offset, unsigned size) const noexcept {
    return {.kind = kind, .bar = bar_, .size = size, .where = offset};
  }
  static std::span<const std::byte> bytes_of(const Word& word, unsigned size) noexcept {
    return std::span(word).first(std::min<std::size_t>(size, word.size()));
  }

  std::uint8_t bar_;
  RegisterBlock& inner_;
  Observer& observer_;
};

class AccessTap final : public Access {
 public:
  AccessTap(Access& inner, Observer& observer) noexcept : inner_(inner), observer_(observer) {}

  void read_config(std::size_t offset, std::span<std::byte> into) noexcept override {
    observe(observer_, event(EventKind::config_read, offset, into.size()), {}, into,
            [&] { inner_.read_config(offset, into); });
  }
  void write_config(std::size_t offset, std::span<const std::byte> from) noexcept override {
    observe(observer_, event(EventKind::config_write, offset, from.size()), from, {},
            [&] { inner_.write_config(offset, from); });
  }
  void reset() noexcept override {
    observe(observer_, event(EventKind::reset, 0, 0), {}, {}, [&] { inner_.reset(); });
  }
  [[nodiscard]] Result<void> admit_client() override {
    observer_.client(true);
    return inner_.admit_client();
  }
  void client_gone() noexcept override {
    observer_.client(false);
    inner_.client_gone();
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
                      .transfer = ++transfers_,
                      .began = Clock::now()};
    (*observer_)->begins(event, bytes);
    return [event, bytes, to = observer_, done = std::move(done)](Result<void> result) mutable {
      if (*to != nullptr) tell(**to, event, bytes, result);
      done(std::move(result));
    };
  }
  void returned() noexcept override { (*observer_)->transfer_returned(); }
  void used_directly(std::uint64_t address) noexcept override {
    (*observer_)->used_directly(address);
  }

 private:
  static void tell(Observer& observer, Event event, std::span<const std::byte> bytes,
                   const Result<void>& result) noexcept {
    event.took = Clock::now() - event.began;
    event.failed = result.has_error();
    event.error = result ? 0 : result.error().code.value();
    event.value = event.failed ? 0 : value_of(bytes);
    observer.saw(event, bytes);
  }

  std::shared_ptr<Observer*> observer_;
  std::uint32_t transfers_ = 0;
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
                   .began = Clock::now()},
                  {});
  }

 private:
  Observer& observer_;
};

// A switch stands between the device and the client's eventfds.
class InterruptTap final : public ConnectionTap {
 public:
  InterruptTap(boost::asio::io_context& context, Observer& observer,
               std::shared_ptr<FaultTally> faults)
      : observer_(observer),
        switch_(FaultSwitch::create(context, std::move(faults),
                                    std::make_shared<InterruptWitness>(observer))) {}
  ~InterruptTap() override {
    for (const auto& [interrupt, place] : places_) switch_->remove(place);
  }

  os::EventFd connected(InterruptKind kind, unsigned index, os::EventFd event) noexcept override {
    (void)remove(kind, index);
    observer_.wired(kind, index, WireAct::connect);
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

  void disconnected(InterruptKind kind, unsigned index) noexcept override {
    if (remove(kind, index)) observer_.wired(kind, index, WireAct::disconnect);
  }
  void disconnected_all(InterruptKind kind) noexcept override {
    observer_.wired(kind, 0, WireAct::disconnect_all);
  }
  void masked(InterruptKind kind, unsigned index, bool masked) noexcept override {
    observer_.wired(kind, index, masked ? WireAct::mask : WireAct::unmask);
  }
  void triggered(InterruptKind kind, unsigned index) noexcept override {
    observer_.wired(kind, index, WireAct::trigger);
  }

 private:
  // The client wants nothing more of it. False: it is none.
  bool remove(InterruptKind kind, unsigned index) noexcept {
    const auto found = places_.find({kind, index});
    if (found == places_.end()) return false;
    switch_->remove(found->second, false);
    places_.erase(found);
    return true;
  }

  Observer& observer_;
  const std::shared_ptr<FaultSwitch> switch_;
  std::map<std::pair<InterruptKind, unsigned>, unsigned> places_;
};

}  // namespace taps

struct Observation::Taps {
  Taps(boost::asio::io_context& context, Function& function, std::vector<Observer*> observers,
       std::shared_ptr<FaultTally> faults)
      : audience(std::move(observers)),
        access(function.access(), audience),
        dma(audience),
        interrupts(context, audience, std::move(faults)),
        added(function.memory().on_add(
            [this](const AddressRange& range) { audience.region(true, range); })),
        revoked(function.memory().on_revoke(
            [this](const AddressRange& range) { audience.region(false, range); })) {}

  taps::Audience audience;
  std::array<std::optional<taps::RegisterTap>, most_bars> registers;
  taps::AccessTap access;
  taps::DmaTap dma;
  taps::InterruptTap interrupts;
  Registration added, revoked;
};

Observation::Observation(boost::asio::io_context& context, Function& function,
                         std::vector<Observer*> observers, std::shared_ptr<FaultTally> faults)
    : function_(function),
      taps_(std::make_unique<Taps>(context, function, std::move(observers), std::move(faults))) {
  for (unsigned bar = 0; bar < most_bars; ++bar)
    if (auto* const inner = function.bars()[bar].registers; inner != nullptr)
      function.serve_registers(bar, &taps_->registers[bar].emplace(static_cast<std::uint8_t>(bar),
                                                                   *inner, taps_->audience));
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
