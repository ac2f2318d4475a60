// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/replay/ring_journal.hpp"

#include <algorithm>

namespace bellwire::replay {

RingJournal::RingJournal(JournalWriter& writer, const bellwire_format& format)
    : writer_(writer),
      outputs_(format.queues, std::vector<std::span<const std::byte>>(format.ring_entries)) {
  writer_.add(EntryKind::attached, 0, 0, {bytes_of(format)});
}

RingJournal::~RingJournal() {
  writer_.add(EntryKind::detached, 0, 0, {});
}

void RingJournal::began(unsigned queue, std::uint32_t generation, std::uint32_t completed,
                        bool served) noexcept {
  const GenerationBody body{.completed = completed, .served = served ? 1U : 0U};
  writer_.add(EntryKind::generation, queue, generation, {bytes_of(body)});
}

void RingJournal::rung(unsigned queue, std::uint64_t rings) noexcept {
  writer_.add(EntryKind::doorbell, queue, static_cast<std::uint32_t>(rings), {});
}

void RingJournal::taken(unsigned queue, std::uint32_t index, const bellwire_request& request,
                        std::span<const std::byte> input,
                        std::span<const std::byte> output) noexcept {
  output_of(queue, index) = output;
  const RequestBody body{.cookie = request.cookie,
                         .input_offset = request.input_offset,
                         .input_length = request.input_length,
                         .output_offset = request.output_offset,
                         .output_length = request.output_length,
                         .operation = request.operation,
                         .flags = request.flags};
  writer_.add(EntryKind::request, queue, index, {bytes_of(body), input});
}

void RingJournal::published(unsigned queue, std::uint32_t index,
                            const bellwire_completion& completion) noexcept {
  const CompletionBody body{.cookie = completion.cookie,
                            .status = completion.status,
                            .length = completion.length,
                            .result = completion.result};
  const auto output = output_of(queue, index);
  writer_.add(EntryKind::completion, queue, index,
              {bytes_of(body), output.first(std::min<std::size_t>(body.length, output.size()))});
}

void RingJournal::raised(unsigned queue) noexcept {
  writer_.add(EntryKind::interrupt, queue, 0, {});
}

void RingJournal::stopping(unsigned queue) noexcept {
  writer_.add(EntryKind::stopping, queue, 0, {});
}

}  // namespace bellwire::replay
