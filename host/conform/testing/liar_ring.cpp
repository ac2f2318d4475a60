// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/testing/liar_ring.hpp"

#include <algorithm>
#include <array>
#include <atomic>

namespace bellwire::host::conform {
namespace {

using vhost_user::bit;

constexpr std::size_t words_before_entries = 2;  // flags and the index
constexpr std::size_t words_per_used = sizeof(vring_used_elem) / sizeof(std::uint16_t);
constexpr std::size_t many = 32;      // of so many requests,
constexpr std::size_t slow_ones = 7;  // a slow liar keeps so many

std::uint16_t load_shared(std::uint16_t* word) {
  return std::atomic_ref(*word).load(std::memory_order_seq_cst);
}

void store_shared(std::uint16_t* word, std::uint16_t value) {
  std::atomic_ref(*word).store(value, std::memory_order_seq_cst);
}

// The inflight region of a split ring.
struct TrackedRing {
  std::uint64_t features;
  std::uint16_t version, entries, last_batch_head, used_index;
};
struct TrackedEntry {
  std::uint8_t inflight, padding[5];
  std::uint16_t next;
  std::uint64_t counter;
};

TrackedRing& tracked_ring(std::byte* place) {
  return *reinterpret_cast<TrackedRing*>(place);
}
TrackedEntry& tracked_entry(std::byte* place, std::uint16_t head) {
  return reinterpret_cast<TrackedEntry*>(place + sizeof(TrackedRing))[head];
}

}  // namespace

std::uint16_t* LiarRing::available() const {
  return reinterpret_cast<std::uint16_t*>(
      world_.memory.user(address.avail_user_addr, 2 * (size + words_before_entries)));
}

std::uint16_t* LiarRing::used_words() const {
  return reinterpret_cast<std::uint16_t*>(world_.memory.user(
      address.used_user_addr, 2 * (words_before_entries + words_per_used * size)));
}

bool LiarRing::may_serve() const {
  const bool known = size != 0 && address.desc_user_addr != 0;
  if (!started() || !known || broken_ || stuck_ || deaf) return false;
  if (enabled) return true;
  if (was_enabled_ && world_.nature.kind == Kind::net) {
    if (world_.lies(Lie::keeps_what_is_sent)) world_.withhold();
    return !world_.lies(Lie::keeps_what_is_sent);
  }
  return world_.lies(was_enabled_ ? Lie::serves_rings_disabled_again : Lie::serves_disabled_rings);
}

void LiarRing::start(os::EventFd event) {
  const bool signalled = event.wait(std::chrono::milliseconds(0));
  kick = std::move(event);
  resume();
  if (signalled && world_.lies(Lie::drains_early_signals)) {
    static_cast<void>(kick->drain());
    signal_lost_ = true;
    return;
  }
  if (was_stopped_ && world_.lies(Lie::waits_for_a_kick)) {
    if (anything_available()) world_.withhold();
    return;
  }
  serve();
}

void LiarRing::kicked() {
  static_cast<void>(kick->drain());
  if (world_.lies(Lie::loses_early_kicks) && !enabled && !was_enabled_) signal_lost_ = true;
  if (world_.lies(Lie::completes_nothing) && !anything_available())
    return finish(packed() ? used : 0, 0);
  signal_lost_ = signal_lost_ && !enabled;
  serve();
  if (owes_service()) world_.withhold();
}

bool LiarRing::anything_available() const {
  if (packed()) return packed_available();
  auto* const words = available();
  return words && load_shared(words + 1) != next;
}

bool LiarRing::owes_service() const {
  const bool plain = (world_.features & bit(vhost_user::f_protocol_features)) == 0;
  const auto misplaced = [](const auto& piece) { return piece.region.mmap_offset != 0; };
  return deaf || misplaced_ || (packed() && world_.lies(Lie::ignores_wrap_counters)) ||
         (broken_ && world_.lies(Lie::cuts_the_base)) ||
         (!enabled && ((plain && world_.lies(Lie::starts_disabled_always)) ||
                       (was_stopped_ && world_.lies(Lie::disables_at_stop)))) ||
         (world_.lies(Lie::ignores_offsets) &&
          std::ranges::any_of(world_.memory.pieces, misplaced));
}

void LiarRing::enable(bool on) {
  if (on && !started() && world_.lies(Lie::forgets_early_enables)) return world_.withhold();
  enabled = on;
  was_enabled_ = was_enabled_ || on;
  if (on && signal_lost_) return world_.withhold();
  if (on) serve();
}

void LiarRing::call_by(std::optional<os::EventFd> event) {
  if (started() && enabled && world_.lies(Lie::calls_the_old)) {
    call_replaced_ = event.has_value();
    return;
  }
  if (call && event && world_.lies(Lie::keeps_replaced_descriptors)) {
    static_cast<void>(std::move(*call).release().release());
    if (++leaks_ > 10) world_.withhold();
  }
  call = std::move(event);
}

void LiarRing::place(const vhost_vring_addr& at) {
  address = at;
  broken_ = false;
  auto* const words = used_words();
  if (words && !packed() && !(was_placed_ && world_.lies(Lie::keeps_its_used_index)))
    used = load_shared(words + 1);
  was_placed_ = true;
  serve();
}

std::uint32_t LiarRing::stop() {
  if (world_.lies(Lie::forgets_the_index) && was_stopped_ && !started()) return 0;
  if (!world_.lies(Lie::answers_before_completing) && !world_.lies(Lie::loses_buffers_to_receive))
    complete(true);
  was_stopped_ = true;
  if (!world_.lies(Lie::serves_stopped_rings)) kick.reset();
  if (world_.lies(Lie::disables_at_stop)) enabled = false;
  const auto base = packed() ? packed_base() : next;
  return base + (world_.lies(Lie::answers_another_index) ? 1U : 0U);
}

void LiarRing::set_base(std::uint32_t base) {
  if (packed()) return set_packed_base(base);
  next = static_cast<std::uint16_t>(base & (world_.lies(Lie::cuts_the_base) ? 0xfff : 0xffff));
}

void LiarRing::serve() {
  if (!may_serve() || (receives && !world_.lies(Lie::loses_buffers_to_receive))) return;
  const bool one = world_.lies(Lie::serves_one_per_kick);
  while (may_serve() && fetch(one ? 1 : size) && !one) {
  }
  if (one && anything_available()) world_.withhold();
}

// Whether there may be more.
bool LiarRing::fetch(unsigned most) {
  const bool found =
      packed() ? packed_ring() != nullptr : available() != nullptr && used_words() != nullptr;
  if (!found) {
    world_.dead = world_.lies(Lie::dies_of_a_ring_nowhere);
    return false;
  }
  const bool any = packed() ? fetch_packed(most) : fetch_split(most);
  if (pending_.size() >= many && !resumed_ && world_.nature.slow) kept_ = slow_ones;
  if (pending_.size() >= many && world_.lies(Lie::answers_before_completing))
    kept_ = pending_.size();
  if (receives) kept_ = size;
  complete(false);
  return any;
}

bool LiarRing::fetch_split(unsigned most) {
  auto* const words = available();
  auto* const back = used_words();
  const auto index = load_shared(words + 1);
  if (static_cast<std::uint16_t>(index - next) > size) {
    break_at(Lie::closes_at_a_bad_index);
    return false;
  }
  const bool any = index != next;
  for (; next != index && most > 0; --most) {
    const auto head = load_shared(words + words_before_entries + next % size);
    if (head >= size) {
      break_at(Lie::closes_at_a_bad_head);
      return false;
    }
    ++next;
    pending_.push_back(head);
    if (tracked == nullptr) continue;
    tracked_entry(tracked, head).counter = counter_++;
    tracked_entry(tracked, head).inflight = 1;
  }
  const bool events = (world_.features & bit(VIRTIO_RING_F_EVENT_IDX)) != 0;
  if (events && !world_.lies(Lie::writes_no_avail_event))
    store_shared(back + words_before_entries + words_per_used * size, next);
  return any;
}

void LiarRing::break_at(Lie lie) {
  broken_ = true;
  world_.close = world_.close || world_.lies(lie);
}

void LiarRing::complete(bool all) {
  bool marks_owed = false;
  while (!stuck_ && pending_.size() > (all ? 0 : kept_)) {
    const auto head = pending_.front();
    pending_.pop_front();
    const auto chain = packed() ? read_packed(head) : read(head);
    if (chain.bad && chain.lie != Lie::none && world_.lies(chain.lie)) {
      world_.withhold();
      continue;
    }
    const auto written = chain.bad ? 0 : run_request(world_, chain);
    if (std::exchange(world_.held, false)) {
      world_.withhold();
      continue;
    }
    finish(head, written);
    marks_owed = log_data(chain) || log_used_ring() || marks_owed;
  }
  if (marks_owed) world_.withhold();
}

void LiarRing::finish(std::uint16_t head, std::uint32_t length) {
  if (packed()) return finish_packed(head, length);
  auto* const words = used_words();
  if (words == nullptr) return;
  if (size == 64 && !std::exchange(lost_one_, true) && world_.lies(Lie::loses_one_of_a_full_ring))
    return world_.withhold();
  const vring_used_elem entry{head, length};
  std::memcpy(words + words_before_entries + words_per_used * (used % size), &entry, sizeof entry);
  const bool events = (world_.features & bit(VIRTIO_RING_F_EVENT_IDX)) != 0;
  store_shared(words, events && world_.lies(Lie::sets_used_flags) ? 1 : 0);
  const auto before = used++;
  if (tracked != nullptr) {
    tracked_entry(tracked, head).next = tracked_ring(tracked).last_batch_head;
    tracked_ring(tracked).last_batch_head = head;
  }
  store_shared(words + 1, used);
  if (tracked != nullptr) {
    tracked_entry(tracked, head).inflight = 0;
    if (!world_.lies(Lie::counts_nothing_in_flight)) tracked_ring(tracked).used_index = used;
  }
  call_if_wanted(before);
  const bool sixth = events && used == 6;
  const bool owed = tracked != nullptr && used == 9 && world_.lies(Lie::counts_nothing_in_flight);
  if (owed || (sixth && world_.lies(Lie::writes_no_avail_event))) world_.withhold();
}

void LiarRing::call_if_wanted(std::uint16_t before) {
  auto* const words = available();
  if (words == nullptr) return;
  bool wanted = (load_shared(words) & VRING_AVAIL_F_NO_INTERRUPT) == 0 ||
                world_.lies(Lie::ignores_no_interrupt);
  bool owed = world_.lies(Lie::never_calls);
  const bool events = (world_.features & bit(VIRTIO_RING_F_EVENT_IDX)) != 0;
  if (events || world_.lies(Lie::obeys_used_event_always)) {
    const auto event = load_shared(words + words_before_entries + size);
    const auto passed = static_cast<std::uint16_t>(used - event - 1);
    wanted = passed < static_cast<std::uint16_t>(used - before);
    const bool plainly = before <= event && event < used;
    owed = owed || (wanted && event == 1 && world_.lies(Lie::misses_an_event)) ||
           (wanted && !plainly && world_.lies(Lie::compares_without_wrap));
    wanted = wanted || (event == 100 && world_.lies(Lie::calls_too_early));
  }
  call_or_owe(wanted, owed);
}

void LiarRing::call_or_owe(bool wanted, bool owed) {
  owed = owed || (!wanted && world_.lies(Lie::obeys_used_event_always)) ||
         (receives && world_.lies(Lie::calls_nobody_for_frames));
  owed = owed || (wanted && !call && world_.lies(Lie::needs_a_call)) || call_replaced_;
  if (call && wanted && world_.lies(Lie::is_stuck_at_a_full_call) &&
      !os::wait_writable(call->fd(), std::chrono::milliseconds(0))) {
    stuck_ = true;
    return world_.withhold();
  }
  if (!call && world_.lies(Lie::needs_a_call)) stuck_ = true;
  if (call && wanted && !owed) call->ring();
  if (owed) world_.withhold();
}

bool LiarRing::forgets() const {
  constexpr std::array lies_of_this_kind{Lie::forgets_what_is_in_flight, Lie::forgets_after_a_kill,
                                         Lie::forgets_after_a_kill_at_set_up,
                                         Lie::forgets_while_it_is_away,
                                         Lie::forgets_after_many_kills};
  return std::ranges::any_of(lies_of_this_kind, world_.lies);
}

// Continues from the inflight region, whatever SET_VRING_BASE said.
void LiarRing::resume() {
  if (tracked == nullptr || std::exchange(looked_back_, true)) return;
  if (packed())
    resume_packed();
  else
    resume_split();
}

void LiarRing::resume_split() {
  auto& region = tracked_ring(tracked);
  resumed_ = region.version != 0;
  if (!resumed_) {
    region.version = 1;
    region.entries = static_cast<std::uint16_t>(size);
    region.used_index = used;
    if (world_.lies(Lie::completes_the_first_descriptor)) finish(0, 0);
    return;
  }
  for (auto index = region.used_index; index != used; ++index) {
    tracked_entry(tracked, region.last_batch_head).inflight = 0;
    region.last_batch_head = tracked_entry(tracked, region.last_batch_head).next;
  }
  region.used_index = used;
  for (std::uint16_t head = 0; head < size; ++head)
    if (tracked_entry(tracked, head).inflight != 0) pending_.push_back(head);
  std::ranges::sort(pending_, {},
                    [this](std::uint16_t head) { return tracked_entry(tracked, head).counter; });
  for (const auto head : pending_)
    counter_ = std::max(counter_, tracked_entry(tracked, head).counter + 1);
  const auto believed = world_.lies(Lie::believes_the_base) ? next : used;
  if (believed != used) world_.withhold();
  next = static_cast<std::uint16_t>(believed + pending_.size());
  if (world_.restarted && world_.lies(Lie::begins_at_zero_after_a_kill)) next = 0;
  if (forgets()) {
    if (!pending_.empty()) world_.withhold();
    pending_.clear();
  }
  if (may_serve()) complete(false);
}

}  // namespace bellwire::host::conform
