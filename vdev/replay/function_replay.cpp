// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/replay/function_replay.hpp"

#include <algorithm>
#include <boost/endian/conversion.hpp>
#include <cstring>
#include <thread>
#include <utility>

#include "vdev/pci/observe/observation.hpp"

namespace bellwire::replay {
namespace {

using namespace std::chrono_literals;
using pci::InterruptKind;
using pci::WireAct;

constexpr std::chrono::milliseconds step{1};  // of a wait
constexpr std::chrono::hours most_gap{1};     // between two entries, that is kept

std::string name_of(const AccessBody& body) {
  const auto place =
      body.bar == AccessBody::config_space ? std::string("config space") : text("BAR {}", body.bar);
  return text("{}, offset {:#04x}, {} of {} bytes", place, body.offset,
              body.write != 0 ? "write" : "read", body.size);
}

std::string name_of(bool write, std::uint64_t address, std::uint64_t size) {
  return text("{} of {} bytes at {:#x}", write ? "write" : "read", grouped(size), address);
}

std::string name_of(InterruptKind kind) {
  constexpr std::string_view names[] = {"INTx", "MSI", "MSI-X"};
  return std::string(names[static_cast<std::size_t>(kind)]);
}

std::string name_of(InterruptKind kind, unsigned index) {
  return kind == InterruptKind::intx ? name_of(kind) : text("{} vector {}", name_of(kind), index);
}

std::string_view name_of(WireAct act) {
  constexpr std::string_view names[] = {"connected", "disconnected", "all disconnected",
                                        "masked",    "unmasked",     "triggered"};
  return names[static_cast<std::size_t>(act)];
}

std::vector<std::byte> copy_of(std::span<const std::byte> bytes) {
  return {bytes.begin(), bytes.end()};
}

std::uint64_t value_of(std::span<const std::byte> bytes) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return boost::endian::little_to_native(value);
}

// What a register read as, in so many bytes.
std::vector<std::byte> bytes_of_value(std::uint64_t value, std::size_t size) {
  boost::endian::native_to_little_inplace(value);
  const auto all = std::as_bytes(std::span(&value, 1));
  return copy_of(all.first(size));
}

Result<void> result_of(std::uint32_t error) {
  if (error == 0) return {};
  return fault(static_cast<std::errc>(error), "as it was when this was recorded");
}

bool comes_from_outside(EntryKind kind) noexcept {
  return kind == EntryKind::client || kind == EntryKind::access || kind == EntryKind::reset ||
         kind == EntryKind::transferred || kind == EntryKind::wire || kind == EntryKind::region;
}

}  // namespace

FunctionPlayer::FunctionPlayer(boost::asio::io_context& own, pci::Function& function,
                               NextEntry next, std::chrono::milliseconds patience)
    : own_(own),
      function_(function),
      next_(std::move(next)),
      patience_(patience),
      recorded_(std::max(1U, function.interrupts().vectors())),
      raised_(recorded_.size()) {
  function_.memory().serve(this);
}

FunctionPlayer::~FunctionPlayer() {
  function_.memory().serve(nullptr);
}

void FunctionPlayer::fail(Error error) {
  if (!outcome_) outcome_.emplace(std::move(error));
}

void FunctionPlayer::differ(Difference difference) {
  if (direct_)
    difference.where +=
        " (the device used the guest's memory by map() or bytes(), which is not "
        "recorded)";
  if (!outcome_) outcome_.emplace(std::optional(std::move(difference)));
}

// Empty: there is none that could be played.
std::optional<Entry> FunctionPlayer::next() {
  auto entry = next_();
  if (!entry) {
    fail(entry.error());
    return std::nullopt;
  }
  if (!*entry || (*entry)->kind == EntryKind::end) {
    ended_ = true;
    return std::nullopt;
  }
  return *entry;
}

Result<std::optional<Difference>> FunctionPlayer::play(const Entry& entry) {
  if (!over()) {
    pace(entry);
    act(entry);
  }
  if (outcome_) return *outcome_;
  return std::optional<Difference>();
}

// Sleeps as long as it took then since the last entry, while the device's timers run.
void FunctionPlayer::pace(const Entry& entry) {
  const std::chrono::nanoseconds then(entry.ns > last_ns_ && last_ns_ != 0 ? entry.ns - last_ns_
                                                                           : 0);
  gap_ = patience_.count() > 0 ? std::min<std::chrono::nanoseconds>(then, most_gap) : 0ns;
  if (waits_ && comes_from_outside(entry.kind)) std::this_thread::sleep_until(last_ + gap_);
  last_ns_ = entry.ns;
  last_ = Clock::now();
}

void FunctionPlayer::act(const Entry& entry) {
  switch (entry.kind) {
    case EntryKind::client:
      if (entry.number == 0) {
        check_raised();
        return function_.access().client_gone();
      }
      if (auto admitted = function_.access().admit_client(); !admitted) fail(admitted.error());
      return;
    case EntryKind::access:
      return access(entry);
    case EntryKind::reset:
      return function_.access().reset();
    case EntryKind::transferred:
      return transferred(entry);
    case EntryKind::wire:
      return wire(entry);
    case EntryKind::region:
      return region(entry);
    case EntryKind::turn:
      return turn(entry);
    case EntryKind::interrupt:
      return interrupt(entry);
    case EntryKind::waiting:
      waits_ = entry.number != 0;
      return;
    case EntryKind::direct:
      direct_ = true;
      return;
    case EntryKind::transfer:
      return differ({where_, "what the device does", describe(entry), "nothing more"});
    case EntryKind::end:
      return end(entry);
    default:
      return fail(damaged(entry, "a PCI function has none, or not there"));
  }
}

void FunctionPlayer::access(const Entry& entry) {
  const auto body = body_as<AccessBody>(entry);
  if (!body) return fail(body.error());
  const bool config = body->bar == AccessBody::config_space;
  const auto bytes = copy_of(entry.body.subspan(sizeof *body));
  if (body->write > 1 || bytes.size() != (body->write != 0 ? body->size : 0))
    return fail(damaged(entry, "its bytes are not as many as it says"));
  ++compared_.requests;
  where_ = text("access {} ({})", grouped(compared_.requests), name_of(*body));
  if (config) {
    auto& access = function_.access();
    if (!fits(body->offset, body->size, function_.config().size()))
      return differ({where_, "the config space", "it has these bytes",
                     text("it has {} bytes", function_.config().size())});
    if (body->write != 0) return access.write_config(body->offset, bytes);
    std::vector<std::byte> into(body->size);
    access.read_config(body->offset, into);
    return compare_answer(into);
  }
  const auto size = body->size;
  if (body->bar >= pci::most_bars || size == 0 || size > sizeof(std::uint64_t))
    return fail(damaged(entry, "no register is accessed like that"));
  const auto& bar = function_.bars()[body->bar];
  if (bar.registers == nullptr || !fits(body->offset, size, bar.shape.size))
    return differ({where_, "the BAR", "it has that register", "it has none there"});
  if (body->write != 0) return bar.registers->write(body->offset, size, value_of(bytes));
  const auto value = bar.registers->read(body->offset, size);
  compare_answer(bytes_of_value(value, size));
}

// The entry of the answer follows all that the device did to give it.
void FunctionPlayer::compare_answer(std::span<const std::byte> replayed) {
  if (over()) return;
  const auto entry = next();
  if (!entry) return;
  if (entry->kind != EntryKind::answer)
    return differ({where_, "what the device does", describe(*entry), "it answers"});
  ++compared_.answers;
  compared_.bytes += entry->body.size();
  if (auto difference = compare_bytes("answer", entry->body, replayed)) {
    difference->where = where_;
    differ(std::move(*difference));
  }
}

void FunctionPlayer::begin(bool write, std::uint64_t address, std::span<std::byte> bytes,
                           DmaDone done) {
  const auto leave = [&] { left_.push_back(std::move(done)); };
  if (over()) return leave();
  const auto where = text("transfer {} ({}), after {}", grouped(++transfers_),
                          name_of(write, address, bytes.size()), where_);
  const auto entry = next();
  if (!entry) return leave();
  if (entry->kind != EntryKind::transfer) {
    differ({where_, "what the device does", describe(*entry),
            "a transfer: " + name_of(write, address, bytes.size())});
    return leave();
  }
  const auto body = body_as<TransferBody>(*entry);
  if (!body) {
    fail(body.error());
    return leave();
  }
  const bool same =
      (body->write != 0) == write && body->address == address && body->size == bytes.size();
  if (!same) {
    differ({where, "the transfer", name_of(body->write != 0, body->address, body->size),
            name_of(write, address, bytes.size())});
    return leave();
  }
  const auto then = entry->body.subspan(sizeof *body);
  const bool known = write || (body->ended != 0 && body->error == 0);
  if (then.size() != (known ? bytes.size() : 0)) {
    fail(damaged(*entry, "its bytes are not as many as it says"));
    return leave();
  }
  ++compared_.answers;
  if (write) {
    compared_.bytes += bytes.size();
    if (auto difference = compare_bytes("data", then, bytes)) {
      difference->where = where;
      differ(std::move(*difference));
      return leave();
    }
  }
  if (body->ended == 0) {
    under_way_.insert_or_assign(entry->number, Transfer{write, bytes, std::move(done), where});
    return;
  }
  if (!write && known) std::ranges::copy(then, bytes.begin());
  done(result_of(body->error));
}

void FunctionPlayer::transferred(const Entry& entry) {
  const auto body = body_as<TransferredBody>(entry);
  if (!body) return fail(body.error());
  auto found = under_way_.extract(entry.number);
  if (found.empty()) return fail(damaged(entry, "no transfer of that number is under way"));
  auto& transfer = found.mapped();
  const auto bytes = entry.body.subspan(sizeof *body);
  const bool read = !transfer.write && body->error == 0;
  if (bytes.size() != (read ? transfer.bytes.size() : 0)) {
    left_.push_back(std::move(transfer.done));
    return fail(damaged(entry, "its bytes are not as many as the transfer's"));
  }
  std::ranges::copy(bytes, transfer.bytes.begin());
  transfer.done(result_of(body->error));
}

// A reset ends all transfers, each with an entry.
void FunctionPlayer::cancel() {
  while (!under_way_.empty() && !over()) {
    const auto entry = next();
    if (!entry) return;
    if (entry->kind != EntryKind::transferred)
      return differ(
          {under_way_.begin()->second.where, "its end", describe(*entry), "the reset ends it"});
    transferred(*entry);
  }
}

void FunctionPlayer::wire(const Entry& entry) {
  const auto body = body_as<WireBody>(entry);
  if (!body) return fail(body.error());
  if (body->kind > static_cast<std::uint32_t>(InterruptKind::msix) || body->act >= pci::wire_acts)
    return fail(damaged(entry, "there is no such interrupt, or nothing does that to one"));
  const auto kind = static_cast<InterruptKind>(body->kind);
  const auto act = static_cast<WireAct>(body->act);
  auto& interrupts = function_.interrupts();
  if (act != WireAct::disconnect_all && entry.number >= interrupts.count(kind))
    return differ({where_, "the client's next step", describe(entry),
                   text("the device has no {}", name_of(kind, entry.number))});
  count_raised();
  switch (act) {
    case WireAct::connect:
      return connect(kind, entry.number);
    case WireAct::disconnect:
      interrupts.disconnect(kind, entry.number);
      if (wires_.erase({kind, entry.number}) > 0) check_raised(entry.number);
      return;
    case WireAct::disconnect_all:
      return interrupts.disconnect(kind);
    case WireAct::mask:
    case WireAct::unmask:
      return interrupts.set_masked(kind, entry.number, act == WireAct::mask);
    case WireAct::trigger:
      return interrupts.trigger(kind, entry.number);
  }
}

void FunctionPlayer::connect(InterruptKind kind, unsigned index) {
  auto event = os::EventFd::create();
  auto other = event ? event->duplicate() : Result<os::EventFd>(event.error());
  if (!other) return fail(other.error());
  wires_.erase({kind, index});
  wires_.emplace(std::pair(kind, index), std::move(*event));
  function_.interrupts().connect(kind, index, std::move(*other));
}

void FunctionPlayer::region(const Entry& entry) {
  const auto body = body_as<RegionBody>(entry);
  if (!body) return fail(body.error());
  const auto size = body->last - body->first + 1;
  const auto done = entry.number != 0
                        ? function_.memory().add({.address = body->first, .size = size})
                        : function_.memory().remove(body->first, size);
  if (!done) fail(damaged(entry, done.error().message));
}

void FunctionPlayer::turn(const Entry& entry) {
  for (auto left = patience_ + gap_;; left -= step) {
    if (own_.stopped()) own_.restart();
    if (own_.run_one_for(step) > 0) return;
    if (left <= step) break;
    if (own_.stopped()) std::this_thread::sleep_for(step);  // perhaps a thread posts something
  }
  differ({where_, "what the device does", describe(entry), "nothing by itself"});
}

void FunctionPlayer::count_raised() {
  for (const auto& [wire, event] : wires_) raised_[wire.second] += event.drain().value_or(0);
}

void FunctionPlayer::interrupt(const Entry& entry) {
  const auto body = body_as<InterruptBody>(entry);
  if (!body) return fail(body.error());
  if (entry.number >= recorded_.size())
    return differ({where_, "an interrupt", describe(entry), "the device has no such vector"});
  const auto vector = entry.number;
  recorded_[vector] += body->count;
  ++compared_.answers;
  for (auto left = patience_ + gap_;; left -= step) {
    count_raised();
    if (raised_[vector] >= recorded_[vector]) return;
    if (left <= step) break;
    std::this_thread::sleep_for(step);
  }
  differ_in_count(vector);
}

void FunctionPlayer::differ_in_count(std::size_t vector) {
  differ({where_, text("how often interrupt {} was raised so far", vector),
          grouped(recorded_[vector]), grouped(raised_[vector])});
}

void FunctionPlayer::check_raised(std::size_t vector) {
  if (raised_[vector] > recorded_[vector]) differ_in_count(vector);
}

void FunctionPlayer::check_raised() {
  count_raised();
  for (std::size_t vector = 0; vector < raised_.size(); ++vector) check_raised(vector);
}

// A recording that its limit ended may lack interrupts.
void FunctionPlayer::end(const Entry& entry) {
  ended_ = true;
  if (entry.number == static_cast<std::uint32_t>(EndReason::whole)) check_raised();
}

std::string FunctionPlayer::summary() const {
  return text("{} accesses; {} answers, transfers and interrupts with {} bytes compared",
              grouped(compared_.requests), grouped(compared_.answers), grouped(compared_.bytes));
}

std::string FunctionPlayer::describe(const Entry& entry) const {
  const auto kind = replay::name_of(entry.kind);
  if (entry.kind == EntryKind::access && entry.body.size() >= sizeof(AccessBody)) {
    const auto body = *body_as<AccessBody>(entry);
    const auto bytes = entry.body.subspan(sizeof body);
    return bytes.empty() ? name_of(body) : text("{}: {}", name_of(body), hex_of(bytes));
  }
  if (entry.kind == EntryKind::answer) return text("answer: {}", hex_of(entry.body));
  if (entry.kind == EntryKind::transfer && entry.body.size() >= sizeof(TransferBody)) {
    const auto body = *body_as<TransferBody>(entry);
    return text("transfer: {}: {}", name_of(body.write != 0, body.address, body.size),
                body.ended == 0   ? "it goes on"
                : body.error != 0 ? text("error {}", body.error)
                                  : hex_of(entry.body.subspan(sizeof body)));
  }
  if (entry.kind == EntryKind::transferred && entry.body.size() >= sizeof(TransferredBody)) {
    const auto body = *body_as<TransferredBody>(entry);
    return text(
        "{}: {}", kind,
        body.error != 0 ? text("error {}", body.error) : hex_of(entry.body.subspan(sizeof body)));
  }
  if (entry.kind == EntryKind::wire && entry.body.size() >= sizeof(WireBody)) {
    const auto body = *body_as<WireBody>(entry);
    if (body.kind > static_cast<std::uint32_t>(InterruptKind::msix) || body.act >= pci::wire_acts)
      return std::string(kind);
    const auto kind_of_wire = static_cast<InterruptKind>(body.kind);
    const auto act = static_cast<WireAct>(body.act);
    if (act == WireAct::disconnect_all) return text("{}: {}", name_of(kind_of_wire), name_of(act));
    return text("{}: {}", name_of(kind_of_wire, entry.number), name_of(act));
  }
  if (entry.kind == EntryKind::region && entry.body.size() >= sizeof(RegionBody)) {
    const auto body = *body_as<RegionBody>(entry);
    return text("memory from {:#x} to {:#x} {}", body.first, body.last,
                entry.number != 0 ? "comes" : "goes");
  }
  if (entry.kind == EntryKind::interrupt)
    return text(
        "interrupt {}, {} in one", entry.number,
        entry.body.size() >= sizeof(InterruptBody) ? body_as<InterruptBody>(entry)->count : 0);
  if (entry.kind == EntryKind::client) return entry.number != 0 ? "a client" : "the client is gone";
  if (entry.kind == EntryKind::turn) return "the device does something by itself";
  if (entry.kind == EntryKind::waiting)
    return entry.number != 0 ? "the device has something under way"
                             : "the device waits for nothing";
  return std::string(kind);
}

}  // namespace bellwire::replay
