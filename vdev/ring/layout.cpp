// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/layout.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

#include "vdev/ring/words.hpp"

namespace bellwire::ring {
namespace {

constexpr std::uint64_t entry_pair = sizeof(bellwire_request) + sizeof(bellwire_completion);
constexpr std::uint64_t record_of_each = BELLWIRE_SIDES * sizeof(bellwire_record);

constexpr std::array<std::string_view, 9> fault_names = {
    "fine",
    "blank",
    "a version that this program does not know",
    "a wrong size",
    "no queue",
    "a wrong ring",
    "queues that leave the memory",
    "a wrong number of records",
    "reserved words that are not zero"};

bellwire_header& header_of(std::span<std::byte> memory) {
  return *reinterpret_cast<bellwire_header*>(memory.data());
}

std::uint64_t magic_of(std::span<const std::byte> memory) {
  const auto& header = *reinterpret_cast<const bellwire_header*>(memory.data());
  return load(header.format.magic, acquire);
}

std::uint64_t whole_pages(std::uint64_t size) {
  return size - size % BELLWIRE_PAGE_SIZE;
}

constexpr std::uint64_t most_payload = std::uint64_t{1} << 30;  // of a queue

Result<void> check_queues(unsigned queues) {
  if (queues < 1 || queues > BELLWIRE_MAX_QUEUES)
    return fault(std::errc::invalid_argument, "{} queues: choose 1 to {}", queues,
                 BELLWIRE_MAX_QUEUES);
  return {};
}

}  // namespace

bool blank(std::span<const std::byte> memory) noexcept {
  return memory.size() >= sizeof(bellwire_header) && magic_of(memory) == 0;
}

Result<std::uint64_t> memory_size(unsigned queues, std::uint32_t entries, std::uint64_t payload) {
  if (auto some = check_queues(queues); !some) return some.error();
  if (!std::has_single_bit(entries) || entries < BELLWIRE_MIN_RING_ENTRIES ||
      entries > BELLWIRE_MAX_RING_ENTRIES)
    return fault(std::errc::invalid_argument, "{} entries: choose a power of two from {} to {}",
                 entries, BELLWIRE_MIN_RING_ENTRIES, BELLWIRE_MAX_RING_ENTRIES);
  if (payload > most_payload)
    return fault(std::errc::invalid_argument, "{} bytes of payload: choose at most {}", payload,
                 most_payload);
  const auto rings = entries * entry_pair;
  const auto stride = BELLWIRE_QUEUE_CONTROL_SIZE + rings + std::max(rings, 2 * payload);
  return BELLWIRE_HEADER_SIZE + queues * whole_pages(stride + BELLWIRE_PAGE_SIZE - 1);
}

Result<void> format(std::span<std::byte> memory, unsigned queues, std::uint32_t entries) {
  if (auto some = check_queues(queues); !some) return some.error();
  const auto header_size = std::min<std::uint64_t>(memory.size(), BELLWIRE_HEADER_SIZE);
  if (header_size == BELLWIRE_HEADER_SIZE && !blank(memory))
    return fault(std::errc::invalid_argument, "the memory is not blank");
  const auto stride = whole_pages((memory.size() - header_size) / queues);
  const auto rings = stride > BELLWIRE_QUEUE_CONTROL_SIZE
                         ? (stride - BELLWIRE_QUEUE_CONTROL_SIZE) / 2 / entry_pair
                         : 0;
  bellwire_format format{};
  format.version = BELLWIRE_VERSION;
  format.queues = queues;
  format.size = memory.size();
  format.queue_offset = BELLWIRE_HEADER_SIZE;
  format.queue_stride = stride;
  format.ring_entries =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(std::bit_floor(rings), entries));
  const auto left =
      stride - std::min<std::uint64_t>(stride, bellwire_payload_offset(format.ring_entries, 0));
  format.trace_entries = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(std::bit_floor(left / 2 / record_of_each), most_trace_entries));
  format.magic = BELLWIRE_MAGIC;
  if (bellwire_format_check(&format, memory.size()) != BELLWIRE_FORMAT_OK)
    return fault(std::errc::invalid_argument,
                 "{} bytes of memory are too little for {} queues; give more memory or fewer "
                 "vectors",
                 memory.size(), queues);
  format.magic = 0;
  bellwire_header& header = header_of(memory);
  header.format = format;
  store(header.format.magic, BELLWIRE_MAGIC, release);
  return {};
}

void wipe(std::span<std::byte> memory) noexcept {
  bellwire_header& header = header_of(memory);
  const auto incarnation = load(header.device.incarnation, relaxed);
  store(header.format.magic, std::uint64_t{0}, release);
  std::ranges::fill(memory.subspan(sizeof header.format.magic), std::byte{0});
  store(header.device.incarnation, incarnation, release);
}

Result<SharedMemory> create_memory(const std::string& name, std::uint64_t size, unsigned queues,
                                   std::uint32_t entries) {
  auto fd = os::create_memfd(name, size);
  if (!fd) return fd.error();
  auto mapping = os::Mapping::create(fd->get(), size);
  if (!mapping) return mapping.error();
  MemoryView view(std::move(*mapping));
  if (auto made = format(view.bytes(), queues, entries); !made) return made.error();
  return SharedMemory{std::move(*fd), std::move(view)};
}

bellwire_queue_status queue_status(std::uint32_t word) noexcept {
  return word <= BELLWIRE_QUEUE_BAD_COMPLETED ? static_cast<bellwire_queue_status>(word)
                                              : BELLWIRE_QUEUE_BAD_COMPLETED;
}

Queue Queue::over(std::span<std::byte> bytes, const QueueSizes& sizes) noexcept {
  const auto [entries, trace_entries] = sizes;
  const auto requests = bytes.subspan(BELLWIRE_QUEUE_CONTROL_SIZE);
  const auto completions = requests.subspan(entries * sizeof(bellwire_request));
  const auto records =
      bytes.subspan(bellwire_records_offset(entries, trace_entries, BELLWIRE_PROCESS));
  return {.control = reinterpret_cast<bellwire_queue_control*>(bytes.data()),
          .requests = reinterpret_cast<bellwire_request*>(requests.data()),
          .completions = reinterpret_cast<bellwire_completion*>(completions.data()),
          .records = reinterpret_cast<bellwire_record*>(records.data()),
          .payload = bytes.subspan(bellwire_payload_offset(entries, trace_entries)),
          .entries = entries,
          .trace_entries = trace_entries};
}

Result<Layout> Layout::open(MemoryView memory) {
  const auto bytes = memory.bytes();
  if (bytes.size() < sizeof(bellwire_header))
    return fault(std::errc::protocol_error, "{} bytes of memory are too few for a header",
                 bytes.size());
  const auto magic = magic_of(bytes);  // acquires what was written before it
  auto format = copy_once(header_of(bytes).format);
  format.magic = magic;
  return check(std::move(memory), format);
}

Result<Layout> Layout::open(const Attachment& attachment) {
  return attachment.format ? check(attachment.memory, *attachment.format) : open(attachment.memory);
}

Result<Layout> Layout::check(MemoryView memory, const bellwire_format& format) {
  const auto problem = bellwire_format_check(&format, memory.bytes().size());
  if (problem != BELLWIRE_FORMAT_OK)
    return fault(std::errc::protocol_error,
                 "the shared memory's format is broken ({}, magic {:#x})", fault_names[problem],
                 format.magic);
  return Layout(std::move(memory), format);
}

Queue Layout::queue(unsigned index) const noexcept {
  const auto offset = format_.queue_offset + index * format_.queue_stride;
  return Queue::over(memory_.bytes().subspan(offset, format_.queue_stride),
                     {format_.ring_entries, format_.trace_entries});
}

bellwire_device_line& Layout::device_line() const noexcept {
  return header_of(memory_.bytes()).device;
}

Result<void> settle_format(Attachment& attachment, unsigned most_queues) {
  const auto bytes = attachment.memory.bytes();
  if (attachment.format) return {};
  if (blank(bytes)) {
    const auto wires = std::min(attachment.doorbells.size(), attachment.interrupts.size());
    const auto queues = std::min<std::size_t>(wires, most_queues);
    // The memory came from a peer: what is wrong with it is not the fault of this program's user.
    if (auto made = ring::format(bytes, static_cast<unsigned>(queues)); !made)
      return Error{std::make_error_code(std::errc::protocol_error), made.error().message};
  }
  const auto layout = Layout::open(attachment.memory);
  if (!layout) return layout.error();
  attachment.format = layout->format();
  return {};
}

}  // namespace bellwire::ring
