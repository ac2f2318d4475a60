// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/queue_run.hpp"

#include "vdev/faults/completions.hpp"
#include "vdev/log/log.hpp"

namespace bellwire::virtio {
namespace {

constexpr unsigned most_taken = 64;  // in a turn

// A driver that keeps few requests in flight waits for the end of a turn while the device works,
// and then the device for the driver. So a turn that follows one which emptied the ring returns
// what has been completed after so many bytes or requests, and both work at once. With more in
// flight this would gain nothing, and cost interrupts.
constexpr std::uint64_t most_held_bytes = std::uint64_t{1} << 16;
constexpr unsigned most_held = 16;

bool area_overlaps(std::uint64_t address, std::uint64_t size, const AddressRange& range) noexcept {
  const auto area = AddressRange::create(address, size);
  return area && area->overlaps(range);
}

// Numbers a queue's requests from 0 on, in the order of their completion: an interrupt is about
// what was completed last. What a doorbell is about is known only once it has been taken.
class CompletionWitness final : public FaultWitness {
 public:
  explicit CompletionWitness(const QueueHost& host) noexcept : host_(host) {}

  std::optional<FaultVictim> newest_request(FaultWire wire, unsigned index) noexcept override {
    const auto counts = host_.counts_of(index - host_.options.first_queue);
    if (wire == FaultWire::doorbell || counts.completed == 0) return std::nullopt;
    return FaultVictim{counts.completed - 1};
  }

 private:
  const QueueHost& host_;
};

}  // namespace

QueueHost::QueueHost(boost::asio::io_context& io, Device& served, DmaSpace& guest,
                     BackendOptions chosen, os::EventFd event)
    : context(io),
      device(served),
      memory(guest),
      options(std::move(chosen)),
      faults(options.faults ? FaultSwitch::create(io, options.faults,
                                                  std::make_shared<CompletionWitness>(*this))
                            : nullptr),
      filter(options.faults && options.faults->touches(FaultWire::completion)
                 ? std::make_shared<CompletionFaults>(options.faults)
                 : nullptr),
      completions(std::move(event)) {}

QueueRun::QueueRun(QueueHost& host, unsigned index) noexcept
    : host_(host),
      index_(index),
      watched_(host.options.watch ? &host.options.watch->queue(host.options.first_queue + index)
                                  : nullptr) {}

Result<void> QueueRun::set_up(QueueSetup setup) {
  if (auto good = check(setup.layout, setup.position); !good) return good;
  if (slot_count_ != setup.layout.size) make_slots(setup.layout.size);
  position_ = setup.position;
  call_ = setup.call;
  setup_ = std::move(setup);
  taken_again_ = 0;
  broken_ = told_broken_ = false;
  if (watched_ != nullptr) watched_->begin(slot_count_);
  fault_ = {};
  return {};
}

void QueueRun::make_slots(std::uint16_t count) {
  slots_ = std::make_unique<RequestSlot[]>(count);
  slot_count_ = count;
  free_ = nullptr;
  for (auto index = count; index-- > 0;) {
    auto& slot = slots_[index];
    slot.completions = &host_.completions;
    slot.queue = static_cast<std::uint16_t>(index_);
    slot.index = index;
    slot.next = std::exchange(free_, &slot);
  }
}

void QueueRun::set_call(Interrupt call) {
  setup_->call = call;
  call_ = std::move(call);
}

QueuePosition QueueRun::tear_down() noexcept {
  rest();
  release();
  setup_.reset();
  if (watched_ != nullptr) watched_->end();
  return position_;
}

Result<void> QueueRun::serve() {
  if (parts_ || broken_) return {};
  if (auto mapped = map_ring(); !mapped) {
    if (mapped.error().code != std::errc::bad_address) return mapped;
    log::info("{} queue {} waits for its memory: {}", host_.device.traits().kind, index_,
              mapped.error().message);
    return {};
  }
  auto parts = make_parts();
  if (!parts) return parts.error();
  parts_.emplace(std::move(*parts));
  return {};
}

Result<void> QueueRun::map_ring() {
  if (ring_) return {};
  auto ring = DeviceVirtqueue::create(setup_->layout, position_, host_.memory);
  if (!ring) return ring.error();
  ring_.emplace(std::move(*ring));
  asks_kicks_ = true;
  return {};
}

// A queue without a kick is polled all the time; its own eventfd is never rung.
Result<QueueRun::Parts> QueueRun::make_parts() {
  auto kick = setup_->kick ? setup_->kick->duplicate() : os::EventFd::create();
  if (!kick) return kick.error();
  Attachment attachment;
  attachment.doorbells.push_back(std::move(*kick));
  attachment.interrupts.push_back(setup_->call);
  const auto& options = host_.options;
  auto moderation = Moderation::start(host_.context, attachment, options.moderate);
  if (!moderation) return moderation.error();
  auto faults = Faults::start(host_.faults, attachment, options.first_queue + index_);
  if (!faults) return faults.error();
  auto runner = Runner::start(host_.context, *this, std::move(attachment),
                              setup_->kick ? options.polling : Polling::always);
  if (!runner) return runner.error();
  return Parts{std::move(*moderation), std::move(*faults), std::move(*runner)};
}

void QueueRun::release() noexcept {
  if (!ring_) return;
  position_ = ring_->position();
  ring_.reset();
}

bool QueueRun::uses(const AddressRange& range) const noexcept {
  if (!ring_) return false;
  const auto& layout = setup_->layout;
  const auto sizes = area_sizes(layout);
  return area_overlaps(layout.descriptors, sizes.descriptors, range) ||
         area_overlaps(layout.driver_area, sizes.driver_area, range) ||
         area_overlaps(layout.device_area, sizes.device_area, range);
}

std::optional<Error> QueueRun::take_fault() noexcept {
  if (!broken_ || std::exchange(told_broken_, true)) return std::nullopt;
  return describe(fault_);
}

void QueueRun::report_broken(const Error& why) noexcept {
  log::warning("{} queue {} is broken until it is reset: {}", host_.device.traits().kind, index_,
               why.message);
  if (setup_->observer != nullptr) setup_->observer->broken(why);
}

bool QueueRun::take() noexcept {
  if (broken_) return false;
  if (std::exchange(asks_kicks_, false)) ring_->disable_kicks();
  unsigned taken = 0;
  for (held_bytes_ = 0; taken < most_taken && take_one() != Taken::nothing && !broken_; ++taken)
    return_some(taken + 1);
  if (taken > 0) {
    worked_ = true;
    emptied_ = taken < most_taken;
    host_.device.end_turn(index_);
  }
  return taken == most_taken;
}

void QueueRun::return_some(unsigned taken) noexcept {
  if (!emptied_ || (held_bytes_ < most_held_bytes && taken % most_held != 0)) return;
  held_bytes_ = 0;
  host_.deliver();
}

Taken QueueRun::take_one() noexcept {
  const auto taken = take_into(free_ != nullptr ? free_->storage : none_free_);
  if (taken == Taken::chain) {
    hand_over(*std::exchange(free_, free_->next));
  } else if (taken == Taken::malformed) {
    ++counts_.malformed;
    published_ = false;
    publish();  // at once: it is not among what an observer notes as in flight
    log::warning("{} queue {}: a chain is returned unseen: {}", host_.device.traits().kind, index_,
                 describe(ring_->last_malformed()));
  } else if (taken == Taken::broken) {
    broken_ = true;
    if (watched_ != nullptr) watched_->broken();
    fault_ = ring_->error();
    host_.note_broken();
  }
  return taken;
}

Taken QueueRun::take_into(ChainStorage& storage) noexcept {
  const auto& heads = setup_->in_flight;
  const auto& lists = setup_->packed_in_flight;
  if (taken_again_ < heads.size()) return ring_->retake(heads[taken_again_++], storage);
  if (taken_again_ < lists.size()) return ring_->retake(lists[taken_again_++], storage);
  return ring_->pop(storage);
}

void QueueRun::hand_over(RequestSlot& slot) noexcept {
  ++in_flight_;
  slot.number =
      watched_ != nullptr ? watched_->taken() : static_cast<std::uint32_t>(counts_.requests);
  ++counts_.requests;
  held_bytes_ += slot.storage.chain().readable_size + slot.storage.chain().writable_size;
  if (setup_->observer != nullptr) setup_->observer->taken(slot.storage.chain());
  if (host_.options.tap != nullptr)
    host_.options.tap->taken(index_, slot.number, slot.storage.chain());
  Request request(slot);
  if (!discarding_) host_.device.handle(std::move(request));
}

// A chain that is never returned stays with the driver as one in flight; here it is done with.
void QueueRun::give_back(RequestSlot& slot) noexcept {
  const auto fate = fate_of(slot);
  const auto& chain = slot.storage.chain();
  if (fate.kind != CompletionFate::Kind::never) {
    if (setup_->observer != nullptr) setup_->observer->returning(chain, slot.written);
    push(chain, slot.written, fate);
    if (host_.options.tap != nullptr)
      host_.options.tap->returned(index_, slot.number, chain, slot.written);
    if (watched_ != nullptr) watched_->returned(slot.number);
    ++counts_.completed;
    published_ = false;
  }
  slot.next = std::exchange(free_, &slot);
  --in_flight_;
  worked_ = true;
}

CompletionFate QueueRun::fate_of(const RequestSlot& slot) const noexcept {
  if (!host_.filter) return {};
  return host_.filter->fate_of(host_.options.first_queue + index_, slot.number);
}

void QueueRun::publish() noexcept {
  if (!ring_ || std::exchange(published_, true)) return;
  if (setup_->observer != nullptr) setup_->observer->publishing(ring_->position());
  if (watched_ != nullptr) watched_->publishing();
  ring_->publish();
  if (setup_->observer != nullptr) setup_->observer->published(ring_->position());
  if (!ring_->should_call()) return;
  ++counts_.calls;
  if (watched_ != nullptr) watched_->raising();
  if (host_.options.tap != nullptr) host_.options.tap->raised(index_);
  call_->raise();
}

Result<void> QueueRun::start(Attachment attachment) {
  call_ = attachment.interrupts.front();
  return {};
}

Turn QueueRun::on_doorbell(unsigned, std::uint64_t rings) noexcept {
  counts_.kicks += rings;
  if (watched_ != nullptr) watched_->woken(rings);
  set_polled(false);
  const Completions::Turn turn(host_.completions);
  const bool more = take();
  host_.finish_turn();
  if (broken_) return Turn::done;
  if (more) return Turn::more;
  asks_kicks_ = true;
  return ring_->enable_kicks() ? Turn::done : Turn::more;
}

Turn QueueRun::on_poll(unsigned) noexcept {
  set_polled(true);
  host_.poll_queues();
  return std::exchange(worked_, false) ? Turn::more : Turn::done;
}

void QueueRun::set_polled(bool polled) noexcept {
  if (std::exchange(polled_, polled) != polled) host_.polled_changed(polled);
}

void QueueRun::stop() noexcept {
  if (polled_) host_.completions.wake();  // for what has been completed meanwhile
  set_polled(false);
  call_ = setup_->call;
}

}  // namespace bellwire::virtio
