// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/replay/virtio_replay.hpp"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace bellwire::replay {
namespace {

using virtio::GuestBuffer;

// The guest's memory: first the rings, a part for each queue, then the buffers. Only what is used
// of it takes memory.
constexpr std::uint64_t all_memory = std::uint64_t{4} << 30;
constexpr std::uint64_t ring_room = std::uint64_t{4} << 20;
constexpr std::uint64_t buffers_at = VirtioPlayer::most_queues * ring_room;
constexpr std::uint64_t driver_area_at = std::uint64_t{1} << 20;  // of a queue's part
constexpr std::uint64_t device_area_at = std::uint64_t{2} << 20;
constexpr std::uint64_t tables_at = std::uint64_t{3} << 20;
constexpr std::uint16_t table_entries = 2;
constexpr std::uint64_t buffer_alignment = 64;

constexpr std::chrono::milliseconds most_sleep{10};  // of a wait
constexpr std::chrono::hours most_wait{1};           // for what took as long then

Result<MemoryView> create_memory() {
  os::UniqueFd fd(::memfd_create("bellwire-replay", MFD_CLOEXEC));
  if (!fd.valid() || ::ftruncate(fd.get(), static_cast<off_t>(all_memory)) != 0)
    return system_fault("cannot make the guest's memory");
  auto mapping = os::Mapping::create(fd.get(), all_memory);
  if (!mapping) return mapping.error();
  return MemoryView(std::move(*mapping));
}

std::string name_of_chain(const Entry& entry, std::uint64_t ordinal) {
  return text("chain {} (queue {})", grouped(ordinal), entry.queue);
}

std::optional<Difference> no_difference() {
  return std::nullopt;
}

Difference refused(std::string where, const Error& error) {
  return {std::move(where), "what the device does", "it was accepted", error.message};
}

}  // namespace

Result<std::unique_ptr<VirtioPlayer>> VirtioPlayer::create(boost::asio::io_context& context,
                                                           virtio::Device& device, Answers answers,
                                                           std::chrono::milliseconds patience) {
  auto memory = create_memory();
  if (!memory) return memory.error();
  std::unique_ptr<VirtioPlayer> player(
      new VirtioPlayer(context, std::move(*memory), answers, patience));
  if (auto added = player->space_.add({.size = all_memory, .memory = player->memory_}); !added)
    return added.error();
  auto backend = virtio::Backend::create(context, device, player->space_);
  if (!backend) return backend.error();
  player->backend_.emplace(std::move(*backend));
  player->queues_.resize(std::min(most_queues, player->backend_->traits().queues));
  return player;
}

VirtioPlayer::VirtioPlayer(boost::asio::io_context& context, MemoryView memory, Answers answers,
                           std::chrono::milliseconds patience)
    : context_(context), memory_(std::move(memory)), answers_(answers), patience_(patience) {}

VirtioPlayer::~VirtioPlayer() = default;

VirtioPlayer::Played VirtioPlayer::play(const Entry& entry) {
  switch (entry.kind) {
    case EntryKind::features:
      return set_features(entry);
    case EntryKind::config_read:
      return read_config(entry);
    case EntryKind::config_write:
      return write_config(entry);
    case EntryKind::queue_started:
      return start_queue(entry);
    case EntryKind::queue_stopped:
      return stop_queue(entry);
    case EntryKind::enabled: {
      const auto queue = queue_of(entry);
      if (!queue) return queue.error();
      if (entry.number == 0) end_early(**queue);
      auto done = backend_->set_enabled(entry.queue, entry.number != 0);
      return done ? no_difference() : refused(text("queue {}", entry.queue), done.error());
    }
    case EntryKind::paused:
      return pause(entry);
    case EntryKind::reset:
      return reset();
    case EntryKind::chain:
      return submit(entry);
    case EntryKind::returned:
      return compare(entry);
    case EntryKind::interrupt:
    case EntryKind::end:
      return no_difference();
    default:
      return damaged(entry, "a virtio device has none");
  }
}

Result<VirtioPlayer::Queue*> VirtioPlayer::queue_of(const Entry& entry) {
  if (entry.queue < queues_.size()) return &queues_[entry.queue];
  return fault(std::errc::protocol_error,
               "entry {} ({}): the device has {} queues, and no queue {}", grouped(entry.ordinal),
               name_of(entry.kind), queues_.size(), entry.queue);
}

VirtioPlayer::Played VirtioPlayer::set_features(const Entry& entry) {
  const auto accepted = body_as<std::uint64_t>(entry);
  if (!accepted) return accepted.error();
  auto set = backend_->set_driver_features(*accepted);
  if (set || set.error().code == std::errc::device_or_resource_busy) return no_difference();
  return Difference{"the features", text("{:#x}", *accepted & ~backend_->device_features()),
                    "the device offered them", "it does not"};
}

VirtioPlayer::Played VirtioPlayer::read_config(const Entry& entry) {
  std::vector<std::byte> now(entry.body.size());
  const auto where = text("a read of {} bytes at {} of the config space", now.size(), entry.number);
  if (auto read = backend_->read_config(entry.number, now); !read)
    return refused(where, read.error());
  ++compared_.answers;
  compared_.bytes += now.size();
  auto difference = compare_bytes("answer", entry.body, now);
  if (difference) difference->where = where;
  return difference;
}

VirtioPlayer::Played VirtioPlayer::write_config(const Entry& entry) {
  const auto body = body_as<ConfigWriteBody>(entry);
  if (!body) return body.error();
  const auto bytes = entry.body.subspan(sizeof *body);
  const bool taken = backend_->write_config(entry.number, bytes).has_value();
  ++compared_.answers;
  if (taken == (body->taken != 0)) return no_difference();
  return Difference{
      text("a write of {} bytes at {} of the config space", bytes.size(), entry.number),
      "what the device does", taken ? "it refused it" : "it took it",
      taken ? "it takes it" : "it refuses it"};
}

VirtioPlayer::Played VirtioPlayer::start_queue(const Entry& entry) {
  const auto found = queue_of(entry);
  if (!found) return found.error();
  auto& queue = **found;
  const auto features = backend_->driver_features();
  const auto has = [features](unsigned bit) { return (features & virtio::feature(bit)) != 0; };
  const auto part = entry.queue * ring_room;
  const virtio::QueueLayout layout{
      .size = static_cast<std::uint16_t>(std::min<std::uint32_t>(entry.number, UINT16_MAX)),
      .packed = has(VIRTIO_F_RING_PACKED),
      .event_index = has(VIRTIO_RING_F_EVENT_IDX),
      .indirect = has(VIRTIO_RING_F_INDIRECT_DESC),
      .descriptors = part,
      .driver_area = part + driver_area_at,
      .device_area = part + device_area_at};
  if (auto good = virtio::check(layout); !good) return damaged(entry, good.error().message);
  if (backend_->started(entry.queue)) return damaged(entry, "the queue is started already");
  const virtio::IndirectTables tables{
      .address = part + tables_at, .entries = layout.indirect ? table_entries : std::uint16_t{0}};
  auto driver = virtio::DriverVirtqueue::create(layout, {}, space_, tables);
  if (!driver) return driver.error();
  auto kick = os::EventFd::create();
  auto theirs = kick ? kick->duplicate() : Result<os::EventFd>(kick.error());
  if (!theirs) return theirs.error();
  queue.driver.emplace(std::move(*driver));
  queue.kick.emplace(std::move(*kick));
  for (const auto& [number, chain] : queue.chains) taken_.erase(chain.place.address);
  queue.chains.clear();
  virtio::QueueSetup setup{.layout = layout, .call = queue.call.interrupt()};
  setup.kick.emplace(std::move(*theirs));
  auto started = backend_->start_queue(entry.queue, std::move(setup));
  if (started) return no_difference();
  return refused(text("the start of queue {}", entry.queue), started.error());
}

// From here on, the device may end what it has in hand before it is done.
void VirtioPlayer::end_early(Queue& queue) {
  for (auto& [number, chain] : queue.chains) chain.ended_early = true;
}

VirtioPlayer::Played VirtioPlayer::stop_queue(const Entry& entry) {
  const auto found = queue_of(entry);
  if (!found) return found.error();
  end_early(**found);
  // Shared with the backend, which may call it after a difference.
  const auto stopped = std::make_shared<bool>(false);
  backend_->stop_queue(entry.queue, [stopped](const auto&) { *stopped = true; });
  return wait(patience_,
              {text("the stop of queue {}", entry.queue), "its end", "the queue stopped",
               "the device does not end its requests"},
              [&] { return *stopped; });
}

VirtioPlayer::Played VirtioPlayer::pause(const Entry& entry) {
  if (entry.number == 0) {
    backend_->resume();
    return no_difference();
  }
  for (auto& queue : queues_) end_early(queue);
  const auto paused = std::make_shared<bool>(false);
  backend_->pause([paused] { *paused = true; });
  return wait(
      patience_,
      {"a pause", "its end", "nothing was in flight", "the device does not end its requests"},
      [&] { return *paused; });
}

VirtioPlayer::Played VirtioPlayer::reset() {
  for (auto& queue : queues_) end_early(queue);
  const auto done = std::make_shared<bool>(false);
  backend_->reset([done] { *done = true; });
  return wait(
      patience_,
      {"a reset", "its end", "the device was reset", "the device does not end its requests"},
      [&] { return *done; });
}

std::span<std::byte> VirtioPlayer::bytes(const Place& place) const {
  return memory_.bytes().subspan(place.address, place.size);
}

// The first gap that is large enough.
std::optional<VirtioPlayer::Place> VirtioPlayer::allocate(std::uint64_t size) {
  const auto whole = std::max(buffer_alignment,
                              (size + buffer_alignment - 1) / buffer_alignment * buffer_alignment);
  auto begin = buffers_at;
  for (const auto& [first, last] : taken_) {
    if (first - begin >= whole) break;
    begin = last;
  }
  if (all_memory - begin < whole) return std::nullopt;
  taken_.emplace(begin, begin + whole);
  return Place{begin, size};
}

// The device has it when this returns.
VirtioPlayer::Played VirtioPlayer::submit(const Entry& entry) {
  const auto body = body_as<ChainBody>(entry);
  if (!body) return body.error();
  const auto found = queue_of(entry);
  if (!found) return found.error();
  auto& queue = **found;
  const auto input = entry.body.subspan(sizeof *body);
  if (body->readable != input.size()) return damaged(entry, "its bytes are not as many as it says");
  if (body->writable > most_body) return damaged(entry, "the device could write too much");
  if (!queue.driver || queue.chains.contains(entry.number))
    return damaged(entry, "its queue is not started, or the chain is in flight already");
  const auto place = allocate(body->readable + body->writable);
  if (!place) return damaged(entry, "there is no memory for so many chains in flight");
  const auto memory = bytes(*place);
  std::ranges::copy(input, memory.begin());
  std::ranges::fill(memory.subspan(input.size()), std::byte{0});
  const GuestBuffer readable{place->address, static_cast<std::uint32_t>(body->readable)};
  const GuestBuffer writable{place->address + body->readable,
                             static_cast<std::uint32_t>(body->writable)};
  const bool reads = body->readable > 0 || body->writable == 0;
  const auto before = backend_->counts(entry.queue);
  if (!queue.driver->add({&readable, reads ? 1U : 0U}, {&writable, body->writable > 0 ? 1U : 0U},
                         entry.number))
    return damaged(entry, "it is more than the queue has room for");
  queue.chains.emplace(entry.number, InFlight{.ordinal = ++chains_,
                                              .ns = entry.ns,
                                              .place = *place,
                                              .readable = body->readable,
                                              .output = std::nullopt});
  compared_.requests = chains_;
  queue.driver->publish();
  (void)queue.driver->should_kick();
  queue.kick->ring();
  return wait(
      patience_,
      {name_of_chain(entry, chains_), "what the device does", "it took it", "it does not take it"},
      [&] {
        const auto now = backend_->counts(entry.queue);
        return now.requests + now.malformed > before.requests + before.malformed;
      });
}

void VirtioPlayer::keep(InFlight& chain, std::uint32_t written) {
  const auto memory = bytes(chain.place).subspan(chain.readable);
  const auto output = memory.first(std::min<std::size_t>(written, memory.size()));
  chain.output.emplace(output.begin(), output.end());
  taken_.erase(chain.place.address);
}

// Keeps what was returned since.
std::optional<Difference> VirtioPlayer::collect() {
  for (unsigned index = 0; index < queues_.size(); ++index) {
    auto& queue = queues_[index];
    if (!queue.driver) continue;
    while (const auto used = queue.driver->poll_used())
      if (const auto chain = queue.chains.find(static_cast<std::uint32_t>(used->token));
          chain != queue.chains.end())
        keep(chain->second, used->written);
    if (queue.driver->broken())
      return Difference{text("queue {}", index), "the ring", "it was right",
                        virtio::describe(queue.driver->error()).message};
  }
  return std::nullopt;
}

VirtioPlayer::Played VirtioPlayer::compare(const Entry& entry) {
  const auto body = body_as<ReturnedBody>(entry);
  if (!body) return body.error();
  const auto queue = queue_of(entry);
  if (!queue) return queue.error();
  const auto found = (*queue)->chains.find(entry.number);
  if (found == (*queue)->chains.end()) return damaged(entry, "no such chain is in flight");
  auto& chain = found->second;
  const auto where = name_of_chain(entry, chain.ordinal);
  const std::chrono::nanoseconds then(entry.ns > chain.ns ? entry.ns - chain.ns : 0);
  if (auto late = wait(patience_ + 4 * std::min<std::chrono::nanoseconds>(then, most_wait),
                       {where, "its return", "it was returned", "it is not returned"},
                       [&] { return chain.output.has_value(); }))
    return late;
  const auto output = std::move(*chain.output);
  const bool early = chain.ended_early;
  (*queue)->chains.erase(found);
  if (early) {
    ++early_;
    return no_difference();
  }
  ++compared_.answers;
  if (body->written != output.size())
    return Difference{where, "its length", grouped(body->written), grouped(output.size())};
  if (answers_ == Answers::by_chance) return no_difference();
  compared_.bytes += output.size();
  auto difference = compare_bytes("output", entry.body.subspan(sizeof *body), output);
  if (difference) difference->where = where;
  return difference;
}

template <class Done>
std::optional<Difference> VirtioPlayer::wait(std::chrono::nanoseconds time, const Difference& else_,
                                             const Done& done) {
  // In slices that are counted, not by the clock: a debugger may hold us meanwhile.
  for (auto left = time;; left -= most_sleep) {
    if (context_.stopped()) context_.restart();
    (void)context_.poll();
    if (auto broken = collect()) return broken;
    if (done()) return std::nullopt;
    if (left <= std::chrono::nanoseconds(0)) return else_;
    if (context_.stopped()) context_.restart();
    (void)context_.run_one_for(most_sleep);
  }
}

std::string VirtioPlayer::summary() const {
  auto line =
      text("{} chains; {} returns and config reads with {} bytes compared",
           grouped(compared_.requests), grouped(compared_.answers), grouped(compared_.bytes));
  if (early_ > 0) line += text(", {} that a stop ended were not", grouped(early_));
  if (answers_ == Answers::by_chance) line += " (lengths only: the bytes are chance)";
  return line;
}

std::string VirtioPlayer::describe(const Entry& entry) const {
  const auto kind = name_of(entry.kind);
  const auto& body = entry.body;
  switch (entry.kind) {
    case EntryKind::features:
      return text("features {:#x}", body.size() >= 8 ? *body_as<std::uint64_t>(entry) : 0);
    case EntryKind::config_read:
      return text("{}, {} bytes at {}: {}", kind, body.size(), entry.number, hex_of(body));
    case EntryKind::config_write:
      return text("{} at {}", kind, entry.number);
    case EntryKind::queue_started:
      return text("queue {}: start, {} entries", entry.queue, entry.number);
    case EntryKind::enabled:
      return text("queue {}: {}", entry.queue, entry.number != 0 ? "enabled" : "disabled");
    case EntryKind::queue_stopped:
    case EntryKind::interrupt:
      return text("queue {}: {}", entry.queue, kind);
    case EntryKind::paused:
      return entry.number != 0 ? "a pause" : "the pause ends";
    case EntryKind::chain:
      if (body.size() < sizeof(ChainBody)) break;
      return text("queue {}: chain {}, {} bytes to read, {} to write: {}", entry.queue,
                  entry.number, body_as<ChainBody>(entry)->readable,
                  body_as<ChainBody>(entry)->writable, hex_of(body.subspan(sizeof(ChainBody))));
    case EntryKind::returned:
      if (body.size() < sizeof(ReturnedBody)) break;
      return text("queue {}: chain {} returned, {} bytes: {}", entry.queue, entry.number,
                  body_as<ReturnedBody>(entry)->written,
                  hex_of(body.subspan(sizeof(ReturnedBody))));
    default:
      break;
  }
  return std::string(kind);
}

}  // namespace bellwire::replay
