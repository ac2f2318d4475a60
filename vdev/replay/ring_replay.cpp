// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/replay/ring_replay.hpp"

#include <algorithm>
#include <utility>

#include "vdev/ring/words.hpp"

namespace bellwire::replay {
namespace {

constexpr std::uint64_t most_memory = std::uint64_t{4} << 30;
constexpr std::chrono::milliseconds slice{10};  // of a wait
constexpr std::chrono::hours most_time{1};      // that a recorded request is waited for

Result<Attachment> make_attachment(const bellwire_format& format) {
  if (format.size < sizeof(bellwire_header) || format.size > most_memory)
    return fault(std::errc::protocol_error, "its memory has {} bytes", grouped(format.size));
  auto fd = os::create_memfd("bellwire-replay", format.size);
  if (!fd) return fd.error();
  auto mapping = os::Mapping::create(fd->get(), format.size);
  if (!mapping) return mapping.error();
  auto doorbells = os::create_events(format.queues);
  if (!doorbells) return doorbells.error();
  Attachment attachment{std::move(*doorbells), {}, MemoryView(std::move(*mapping)), format};
  std::ranges::copy(bytes_of(format), attachment.memory.bytes().begin());
  for (unsigned queue = 0; queue < format.queues; ++queue) {
    auto event = os::EventFd::create();
    if (!event) return event.error();
    attachment.interrupts.push_back(InterruptLine(std::move(*event)).interrupt());
  }
  return attachment;
}

std::string name_of_request(const Entry& entry, std::uint64_t number, std::uint64_t cookie) {
  return text("request {} (queue {}, index {}, cookie {:#x})", grouped(number), entry.queue,
              entry.number, cookie);
}

std::optional<Difference> compare_number(std::string_view what, std::uint64_t recorded,
                                         std::uint64_t replayed) {
  if (recorded == replayed) return std::nullopt;
  return Difference{{},
                    text("its {}", what),
                    text("{} ({:#x})", recorded, recorded),
                    text("{} ({:#x})", replayed, replayed)};
}

}  // namespace

Result<std::optional<Difference>> RingPlayer::play(const Entry& entry) {
  const auto after = [](const Result<void>& done) -> Result<std::optional<Difference>> {
    if (!done) return done.error();
    return std::optional<Difference>();
  };
  if (entry.kind == EntryKind::attached) return after(attach(entry));
  if (entry.kind == EntryKind::generation) return after(begin(entry));
  if (auto started = start(); !started) return started.error();
  switch (entry.kind) {
    case EntryKind::request:
      return after(submit(entry));
    case EntryKind::completion:
      return compare(entry);
    case EntryKind::stopping:
    case EntryKind::detached:
    case EntryKind::end:
      device_.stop();
      return after(collect());
    default:
      return std::optional<Difference>();  // a doorbell, an interrupt
  }
}

Result<void> RingPlayer::attach(const Entry& entry) {
  const auto format = body_as<bellwire_format>(entry);
  if (!format) return format.error();
  device_.stop();
  queues_.clear();
  layout_.reset();
  if (bellwire_format_check(&*format, format->size) != BELLWIRE_FORMAT_OK)
    return damaged(entry, "that is no format of a memory");
  auto attachment = make_attachment(*format);
  if (!attachment) return damaged(entry, attachment.error().message);
  auto layout = ring::Layout::open(*attachment);
  if (!layout) return damaged(entry, layout.error().message);
  for (unsigned index = 0; index < layout->queues(); ++index) {
    auto& state = queues_.emplace_back();
    state.queue = layout->queue(index);
    state.slots.resize(state.queue.entries);
  }
  layout_ = std::move(*layout);
  attachment_ = std::move(*attachment);
  return {};
}

// What the memory says at the start, comes between `attached` and the first entry of another kind.
Result<void> RingPlayer::start() {
  if (!attachment_) return {};
  return device_.start(*std::exchange(attachment_, std::nullopt));
}

Result<RingPlayer::QueueState*> RingPlayer::queue_of(const Entry& entry) {
  if (entry.queue >= queues_.size()) return damaged(entry, "there is no such queue");
  return &queues_[entry.queue];
}

Result<void> RingPlayer::begin(const Entry& entry) {
  const auto body = body_as<GenerationBody>(entry);
  if (!body) return body.error();
  const auto found = queue_of(entry);
  if (!found) return found.error();
  auto& state = **found;
  if (attachment_) {
    begin_before_start(state, entry.number, *body);
    return {};
  }
  auto& control = *state.queue.control;
  if (entry.number % 2 == 0 || entry.number == ring::load(control.driver.generation, ring::relaxed))
    return damaged(entry, "no generation has that number");
  state.submitted = state.completed = state.consumed = 0;
  state.served = true;
  ring::store(control.submit.submitted, 0, ring::relaxed);
  ring::store(control.consume.consumed, 0, ring::relaxed);
  ring::store(control.consume.interrupt_event, 0, ring::relaxed);
  ring::store(control.driver.generation, entry.number, ring::release);
  device_.on_doorbell(entry.queue, 0);
  const auto begun = wait(patience_, [&] {
    return ring::load(control.status.generation, ring::acquire) == entry.number;
  });
  if (!begun) return begun.error();
  if (!*begun)
    return fault(std::errc::timed_out,
                 "queue {}: the device did not end its requests before generation {}", entry.queue,
                 entry.number);
  return {};
}

void RingPlayer::begin_before_start(QueueState& state, std::uint32_t generation,
                                    const GenerationBody& body) {
  auto& control = *state.queue.control;
  state.served = body.served != 0 && generation % 2 == 1;
  state.submitted = state.completed = state.consumed = body.completed;
  control.driver.generation = state.served ? generation : 0;
  control.status.generation = generation;
  control.submit.submitted = control.complete.completed = body.completed;
  control.consume.consumed = control.consume.interrupt_event = body.completed;
}

// The device may have it at once.
Result<void> RingPlayer::submit(const Entry& entry) {
  const auto body = body_as<RequestBody>(entry);
  if (!body) return body.error();
  const auto found = queue_of(entry);
  if (!found) return found.error();
  auto& state = **found;
  const auto input = entry.body.subspan(sizeof *body);
  if (!state.served || entry.number != state.submitted ||
      state.submitted - state.consumed >= state.queue.entries)
    return damaged(entry, "it is not the queue's next request");
  if (!input.empty() && !fits(body->input_offset, input.size(), state.queue.payload.size()))
    return damaged(entry, "its input is not within the memory");
  auto& slot = state.slot(entry.number);
  slot.request = *body;
  slot.number = ++compared_.requests;
  slot.ns = entry.ns;
  slot.output.clear();
  if (!input.empty())
    std::ranges::copy(input, state.queue.payload.subspan(body->input_offset).begin());
  bellwire_request request{};
  request.cookie = body->cookie;
  request.input_offset = body->input_offset;
  request.input_length = body->input_length;
  request.output_offset = body->output_offset;
  request.output_length = body->output_length;
  request.operation = body->operation;
  request.flags = body->flags;
  state.queue.request(entry.number) = request;
  ring::store(state.queue.control->submit.submitted, ++state.submitted, ring::release);
  while (device_.on_doorbell(entry.queue, 0) == Turn::more) {
  }
  return collect();
}

Result<std::optional<Difference>> RingPlayer::compare(const Entry& entry) {
  const auto body = body_as<CompletionBody>(entry);
  if (!body) return body.error();
  const auto found = queue_of(entry);
  if (!found) return found.error();
  auto& state = **found;
  auto& slot = state.slot(entry.number);
  if (entry.number != state.consumed || state.consumed == state.submitted)
    return std::optional(Difference{
        text("queue {}, index {}, cookie {:#x}", entry.queue, entry.number, body->cookie),
        "its completion", "it was published", "the device was never given that request"});
  const std::chrono::nanoseconds then(entry.ns > slot.ns ? entry.ns - slot.ns : 0);
  const auto completed = wait(patience_ + 4 * std::min<std::chrono::nanoseconds>(then, most_time),
                              [&] { return state.completed != entry.number; });
  if (!completed) return completed.error();
  const auto where = name_of_request(entry, slot.number, slot.request.cookie);
  if (!*completed)
    return std::optional(
        Difference{where, "its completion", "it was completed", "it is not completed"});
  const auto& seen = slot.completion;
  const auto output = entry.body.subspan(sizeof *body);
  auto difference = compare_number("cookie", body->cookie, seen.cookie);
  if (!difference) difference = compare_number("status", body->status, seen.status);
  if (!difference) difference = compare_number("result", body->result, seen.result);
  if (!difference) difference = compare_number("length", body->length, seen.length);
  if (!difference) difference = compare_bytes("output", output, slot.output);
  if (difference) difference->where = where;
  ++compared_.answers;
  compared_.bytes += output.size();
  auto& consume = state.queue.control->consume;
  ring::store(consume.consumed, ++state.consumed, ring::release);
  ring::store(consume.interrupt_event, state.consumed, ring::in_order);
  return difference;
}

// Keeps what was completed since.
Result<void> RingPlayer::collect() {
  for (unsigned index = 0; index < queues_.size(); ++index) {
    auto& state = queues_[index];
    const auto completed = ring::load(state.queue.control->complete.completed, ring::acquire);
    if (!state.served) continue;
    if (completed - state.completed > state.submitted - state.completed)
      return fault(std::errc::protocol_error,
                   "queue {}: the device completed {} requests, of which it was given {}", index,
                   completed, state.submitted);
    while (state.completed != completed) keep(state);
  }
  return {};
}

void RingPlayer::keep(QueueState& state) {
  auto& slot = state.slot(state.completed);
  slot.completion = state.queue.completion(state.completed++);
  const auto& [offset, length] = std::pair(slot.request.output_offset, slot.request.output_length);
  const auto written = std::min(slot.completion.length, length);
  if (!fits(offset, written, state.queue.payload.size())) return;
  const auto bytes = state.queue.payload.subspan(offset, written);
  slot.output.assign(bytes.begin(), bytes.end());
}

template <class Done>
Result<bool> RingPlayer::wait(std::chrono::nanoseconds time, const Done& done) {
  // In slices that are counted, not by the clock: a debugger may hold us meanwhile.
  for (auto left = time; !done(); left -= slice) {
    turn();
    if (auto collected = collect(); !collected) return collected.error();
    if (done()) break;
    if (left <= std::chrono::nanoseconds(0)) return false;
    if (const auto* const ready = device_.ready(); ready != nullptr)
      (void)ready->wait(slice);
    else
      (void)context_.run_for(slice);
  }
  return true;
}

void RingPlayer::turn() {
  if (context_.stopped()) context_.restart();
  (void)context_.poll();
  const auto* const ready = device_.ready();
  if (ready != nullptr && ready->drain()) device_.on_ready();
}

std::string RingPlayer::describe(const Entry& entry) const {
  const auto of_queue = text("queue {}: {} {}", entry.queue, name_of(entry.kind), entry.number);
  if (entry.kind == EntryKind::request && entry.body.size() >= sizeof(RequestBody)) {
    const auto body = *body_as<RequestBody>(entry);
    return text("{}, cookie {:#x}, operation {}, {} bytes in, {} out: {}", of_queue, body.cookie,
                body.operation, body.input_length, body.output_length,
                hex_of(entry.body.subspan(sizeof body)));
  }
  if (entry.kind == EntryKind::completion && entry.body.size() >= sizeof(CompletionBody)) {
    const auto body = *body_as<CompletionBody>(entry);
    return text("{}, status {}, result {:#x}, {} bytes: {}", of_queue, body.status, body.result,
                body.length, hex_of(entry.body.subspan(sizeof body)));
  }
  if (entry.kind == EntryKind::generation || entry.kind == EntryKind::doorbell) return of_queue;
  if (entry.kind == EntryKind::interrupt || entry.kind == EntryKind::stopping)
    return text("queue {}: {}", entry.queue, name_of(entry.kind));
  return std::string(name_of(entry.kind));
}

}  // namespace bellwire::replay
