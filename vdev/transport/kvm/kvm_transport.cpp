// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/kvm/kvm_transport.hpp"

#include <algorithm>
#include <cstddef>

#include "vdev/machine/kvm/program.hpp"
#include "vdev/machine/machine.hpp"
#include "vdev/os/cpu.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/transport/kvm/ring_guest.h"
#include "vdev/transport/kvm/ring_guest.hpp"

namespace bellwire::kvm {
namespace {

constexpr std::chrono::milliseconds between_beats{20};  // how long a stop goes unnoticed
constexpr std::uint32_t memory_slot = 1;                // 0 is the program's
constexpr std::uint32_t records_slot = 2;
constexpr std::uint32_t gsi = 24;  // the first behind the I/O APIC's

static_assert(offsetof(bellwire_format, queue_offset) == FORMAT_QUEUE_OFFSET);
static_assert(offsetof(bellwire_format, ring_entries) == FORMAT_RING_ENTRIES);
static_assert(offsetof(bellwire_format, trace_entries) == FORMAT_TRACE_ENTRIES);
static_assert(offsetof(bellwire_queue_control, recording.recording) == CONTROL_RECORDING);
static_assert(offsetof(bellwire_queue_control, sides[BELLWIRE_PROCESS].written) == CONTROL_WRITTEN);
static_assert(offsetof(bellwire_queue_control, sides[BELLWIRE_MODULE].last[BELLWIRE_RUNG]) ==
              CONTROL_LAST_RUNG);
static_assert(offsetof(bellwire_queue_control, sides[BELLWIRE_MODULE].last[BELLWIRE_INTERRUPTED]) ==
              CONTROL_LAST_INTERRUPTED);
static_assert(offsetof(bellwire_record, ticks) == TRACE_TICKS);
static_assert(offsetof(bellwire_record, stage) == TRACE_STAGE);
static_assert(offsetof(bellwire_record, generation) == TRACE_STAGE + 2);
static_assert(offsetof(bellwire_record, index) == TRACE_INDEX);
static_assert(sizeof(bellwire_record) == TRACE_SIZE);
static_assert(BELLWIRE_SIDES * sizeof(bellwire_record) == TRACE_SIZES);
static_assert(BELLWIRE_SUBMITTED == TRACE_SUBMITTED && BELLWIRE_AWAKE == TRACE_AWAKE &&
              BELLWIRE_CONSUMED == TRACE_CONSUMED);
static_assert(offsetof(bellwire_queue_control, driver.generation) == CONTROL_GENERATION);
static_assert(offsetof(bellwire_queue_control, submit.submitted) == CONTROL_SUBMITTED);
static_assert(offsetof(bellwire_queue_control, consume.consumed) == CONTROL_CONSUMED);
static_assert(offsetof(bellwire_queue_control, consume.interrupt_event) == CONTROL_INTERRUPT_EVENT);
static_assert(offsetof(bellwire_queue_control, status.generation) == CONTROL_SERVED);
static_assert(offsetof(bellwire_queue_control, status.status) == CONTROL_STATUS);
static_assert(offsetof(bellwire_queue_control, complete.completed) == CONTROL_COMPLETED);
static_assert(offsetof(bellwire_queue_control, doorbell.doorbell_event) == CONTROL_DOORBELL_EVENT);
static_assert(sizeof(bellwire_queue_control) == CONTROL_SIZE);
static_assert(offsetof(bellwire_request, cookie) == REQUEST_COOKIE);
static_assert(offsetof(bellwire_request, input_offset) == REQUEST_INPUT_OFFSET);
static_assert(offsetof(bellwire_request, input_length) == REQUEST_INPUT_LENGTH);
static_assert(offsetof(bellwire_request, output_offset) == REQUEST_OUTPUT_OFFSET);
static_assert(offsetof(bellwire_request, output_length) == REQUEST_OUTPUT_LENGTH);
static_assert(offsetof(bellwire_request, operation) == REQUEST_OPERATION);
static_assert(offsetof(bellwire_completion, cookie) == COMPLETION_COOKIE);
static_assert(offsetof(bellwire_completion, status) == COMPLETION_STATUS);
static_assert(offsetof(bellwire_completion, result) == COMPLETION_RESULT);

// What the guest counts, at GUEST_DATA.
struct Counts {
  std::uint64_t doorbells;
  std::uint64_t interrupts;
  std::uint64_t strays;
  std::uint64_t identity;
};
static_assert(offsetof(Counts, doorbells) == RING_DOORBELLS);
static_assert(offsetof(Counts, interrupts) == RING_INTERRUPTS);
static_assert(offsetof(Counts, strays) == RING_STRAYS);
static_assert(offsetof(Counts, identity) == RING_IDENTITY);

kvm_ioeventfd doorbell_of_queue(std::uint32_t queue) {
  kvm_ioeventfd request{};
  request.addr = RING_DOORBELL;
  request.len = sizeof queue;
  request.datamatch = queue;
  request.flags = KVM_IOEVENTFD_FLAG_DATAMATCH;
  return request;
}

// All that the guest has under way.
void note_hang(const ring::Queue& queue, const ring::StallDetector& stall, GuestReport& report) {
  report.hung += ring::load(queue.control->submit.submitted, ring::acquire) -
                 ring::load(queue.control->consume.consumed, ring::acquire);
  report.hangs.push_back(stall.describe());
}

}  // namespace

Result<std::unique_ptr<KvmTransport>> KvmTransport::create(boost::asio::io_context& context,
                                                           const KvmOptions& options) {
  auto vm = Vm::create(true);
  if (!vm) return vm.error();
  auto memory = ring::create_memory("bellwire-kvm", RING_MEMORY_SIZE, 1);
  if (!memory) return memory.error();
  auto doorbell = os::EventFd::create();
  if (!doorbell) return doorbell.error();
  auto interrupt = os::EventFd::create();
  if (!interrupt) return interrupt.error();
  std::unique_ptr<KvmTransport> transport(
      new KvmTransport(context, std::move(*vm), std::move(memory->view), std::move(*doorbell),
                       std::move(*interrupt)));
  if (auto built = transport->build(options.program); !built) return built.error();
  return transport;
}

Result<void> KvmTransport::build(const std::byte* program) {
  auto slot = vm_.map(memory_slot, RING_MEMORY, memory_);
  if (!slot) return slot.error();
  slot_.emplace(std::move(*slot));
  auto doorbell = Ioeventfd::create(vm_, doorbell_, doorbell_of_queue(0));
  if (!doorbell) return doorbell.error();
  doorbell_wire_.emplace(std::move(*doorbell));
  const auto route = machine::msi_route(gsi, RING_VECTOR);
  errno = vm_.set_routes({&route, 1});
  if (errno != 0) return system_fault("KVM refuses a route for GSI {}", gsi);
  auto interrupt = Irqfd::create(vm_, interrupt_, gsi, {&route, 1});
  if (!interrupt) return interrupt.error();
  interrupt_wire_.emplace(std::move(*interrupt));
  auto loaded = Program::load(vm_, program);
  if (!loaded) return loaded.error();
  program_.emplace(std::move(*loaded));
  return {};
}

Result<Attachment> KvmTransport::attach(RegisterBlock* registers) {
  registers_.emplace(context_, registers);
  auto doorbell = doorbell_.duplicate();
  if (!doorbell) return doorbell.error();
  auto interrupt = interrupt_.duplicate();
  if (!interrupt) return interrupt.error();
  Attachment attachment;
  attachment.doorbells.push_back(std::move(*doorbell));
  attachment.interrupts.push_back(InterruptLine(std::move(*interrupt)).interrupt());
  attachment.memory = memory_;
  return attachment;
}

Result<GuestReport> KvmTransport::run(const GuestPlan& wanted) {
  const auto layout = ring::Layout::open(memory_);
  if (!layout) return layout.error();
  const auto records = Records::create(vm_, records_slot, wanted.requests);
  if (!records) return records.error();
  if (auto restarted = program_->restart(); !restarted) return restarted.error();
  const GuestPlan plan{wanted.requests, std::clamp(wanted.depth, 1U, layout->queue(0).entries)};
  const RegisterPort nobody(context_, nullptr);
  Exits exits(plan, registers_ ? *registers_ : nobody, doorbell_);
  const os::Ticks ticks;
  GuestReport report;
  if (auto done = run_until_done(exits, *layout, report); !done) return done.error();
  const auto& counts = program_->data<Counts>();
  report.exchanges = records->exchanges(ticks.ns_each());
  const auto submitted = ring::load(layout->queue(0).control->submit.submitted, ring::acquire);
  report.submitted = std::min(submitted, plan.requests);
  report.unexpected = counts.strays;
  report.doorbells = counts.doorbells;
  report.interrupts = counts.interrupts;
  report.register_exits = exits.registers();
  report.doorbell_exits = exits.doorbells();
  return report;
}

Result<void> KvmTransport::run_until_done(Exits& exits, const ring::Layout& layout,
                                          GuestReport& report) {
  using Finding = ring::StallDetector::Finding;
  ring::StallDetector stall(layout, 0);
  const auto pulse = KickTimer::start(between_beats);
  if (!pulse) return pulse.error();
  auto& cpu = program_->cpu();
  while (!stopped_) {
    const auto exit = cpu.run();
    if (!exit) return exit.error();
    if (*exit == KVM_EXIT_INTR) {
      const auto found = stall.look(ring::StallDetector::Clock::now());
      const bool hopeless = found == Finding::hopeless;
      if (found == Finding::hangs || (hopeless && !stall.reported()))
        note_hang(layout.queue(0), stall, report);
      if (hopeless) return {};
      continue;
    }
    if (exits.answer(cpu.state())) continue;
    if (program_->said(GUEST_DONE)) return {};
    if (program_->said(RING_BROKEN))
      return fault(std::errc::protocol_error, "the guest found the ring broken");
    return program_->unexpected();
  }
  return fault(std::errc::operation_canceled, "the guest was stopped");
}

}  // namespace bellwire::kvm
