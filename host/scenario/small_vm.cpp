// SPDX-License-Identifier: BSD-3-Clause
#include "host/scenario/small_vm.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>

#include "vdev/machine/model/soft_machine.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::host {
namespace {

using vhost_user::bit;
using vhost_user::FrontEnd;

constexpr vhost_user::PieceShape piece{.guest_address = std::uint64_t{1} << 32,
                                       .size = 1 << 20,
                                       .user_address = std::uint64_t{0x7F00} << 32};
constexpr std::uint16_t queue_size = 16;

FrontEnd make_front_end(vhost_user::Transcript& transcript, const Plan& plan) {
  const vhost_user::Wishes wishes{
      .queue_size = queue_size,
      .base = plan.first_index,
      .never_protocol_features = plan.inflight ? 0 : bit(vhost_user::feature::inflight_shmfd),
      .enable = false};
  return FrontEnd::create(vhost_user::Link(os::UniqueFd(), {}, transcript),
                          *vhost_user::dialect_of("qemu-8"), wishes,
                          vhost_user::GuestMemory::create({&piece, 1}).value())
      .value();
}

std::vector<os::EventFd> copy_of(const os::EventFd& event) {
  std::vector<os::EventFd> events;
  events.push_back(event.duplicate().value());
  return events;
}

// The prefix of 0, 1, 2, … that is in the set.
std::uint32_t first_of(const auto& set) {
  std::uint32_t count = 0;
  while (set.contains(count)) ++count;
  return count;
}

// Bytes of a mapping, kept and put back.
class Kept {
 public:
  Kept(int fd, std::size_t size) : mapping_(os::Mapping::create(fd, size).value()) {
    bytes_.assign(mapping_.data(), mapping_.data() + size);
  }
  void put_back() { std::ranges::copy(bytes_, mapping_.data()); }

 private:
  os::Mapping mapping_;
  std::vector<std::byte> bytes_;
};

}  // namespace

void Peer::enable(SmallVm& vm) {
  vm.front().enable_ring(0, true).value();
}

SmallVm::SmallVm(RunLog& run_log, Plan plan)
    : log_(run_log),
      plan_(std::move(plan)),
      front_(make_front_end(transcript_, plan_)),
      machine_(std::make_unique<machine::SoftMachine>()) {
  if (plan_.machine) machine_ = plan_.machine(std::move(machine_));
  endpoint_.emplace(
      machine::Endpoint::plug(*machine_, copy_of(ring().kick),
                              plan_.msix ? copy_of(ring().call) : std::vector<os::EventFd>())
          .value());
}

void SmallVm::connect() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    throw std::system_error(errno, std::system_category(), "socketpair");
  os::UniqueFd ours(ends[0]);
  posted_before_ = progress().posted;
  back_end_.emplace(os::UniqueFd(ends[1]));
  front_.link() = vhost_user::Link(std::move(ours), {}, transcript_);
  front_.bring_up().value();
  settle();
}

void SmallVm::enable() {
  plan_.peer->enable(*this);
  settle();
}

// When its session ends, our server returns what it has in flight; a killed process does not. So
// memory and wires are put back to where they were.
void SmallVm::kill_back_end() {
  settle();
  Kept memory(front_.memory().fd(0), piece.size);
  std::optional<Kept> region;
  if (front_.inflight().file.valid())
    region.emplace(front_.inflight().file.get(), front_.inflight().shape.mmap_size);
  if (plan_.msix) msix().mask(0);
  front_.hang_up();
  back_end_.reset();
  memory.put_back();
  if (region) region->put_back();
  ring().call.drain();
  if (plan_.msix) msix().unmask(0).value();
}

// The answer to a message comes after all messages before it were carried out.
void SmallVm::settle() {
  if (!back_end_) return;
  front_.get(vhost_user::Request::get_features).value();
  back_end_->settle();
}

void SmallVm::offer() {
  constexpr std::uint32_t size = sizeof(std::uint64_t);
  const auto number = submitted_++;
  const auto question = front_.memory().allocate(size), answer = front_.memory().allocate(size);
  *front_.memory().as<std::uint64_t>(question) = number;
  const vhost_user::Buffer buffers[] = {{.address = question, .size = size},
                                        {.address = answer, .size = size, .writable = true}};
  const auto head = ring().words.describe(buffers);
  if (!head) throw std::runtime_error("the ring is full");
  numbers_[*head] = number;
  answers_[number] = answer;
  ring().words.offer(*head);
  tell("guest",
       text("offers request {}: available index {}, used index {}", number, available(), used()));
}

void SmallVm::ring_bell() {
  rung_ = submitted_;
  if (!endpoint_->ring(0)) throw std::runtime_error("no ioeventfd took the doorbell");
  plan_.peer->kicked(*this);
  settle();
}

bool SmallVm::take_interrupt() {
  settle();
  machine_->settle();
  if (!endpoint_->take(0, std::chrono::milliseconds(0))) return false;
  interrupted();
  const auto count = take_completions();
  tell("guest", text("takes an interrupt; completions: {}, used index {}", count, used()));
  return true;
}

void SmallVm::interrupted() noexcept {
  interrupted_ = progress().posted;
}

unsigned SmallVm::take_completions() {
  unsigned count = 0;
  for (; const auto used = ring().words.take(); ++count)
    take_answer(static_cast<std::uint16_t>(used->id));
  return count;
}

void SmallVm::take_answer(std::uint16_t head) {
  const auto number = numbers_.at(head);
  if (*front_.memory().as<std::uint64_t>(answers_.at(number)) != answer_to(number))
    throw std::runtime_error(text("request {} has a wrong answer", number));
  if (!done_.insert(number).second) tell("guest", text("request {} came back again", number));
}

std::uint32_t SmallVm::consumed() const noexcept {
  return first_of(done_);
}

// A completion that the guest has not taken yet is behind those that it has.
Progress SmallVm::progress() {
  const auto consumed = first_of(done_);
  auto taken = done_;
  Progress now{.submitted = submitted_,
               .rung = rung_,
               .posted = consumed + ring().words.completed(),
               .interrupted = interrupted_,
               .consumed = consumed};
  const auto counts = back_end_ ? back_end_->counts() : BackEnd::Counts{};
  for (const auto number : counts.taken) taken.insert(static_cast<std::uint32_t>(number));
  now.taken = std::max(first_of(taken), now.posted);
  // The driver always wants an interrupt, so each publication is followed by one.
  now.raised = counts.calls > 0 ? now.posted : posted_before_;
  return now;
}

Watched SmallVm::watched() {
  return {.progress = [this] { return progress(); },
          .ring_again =
              [this] {
                ring_bell();
                static_cast<void>(take_interrupt());
              },
          .raise_again =
              [this] {
                ring().call.ring();
                static_cast<void>(take_interrupt());
              },
          .tell = [this](std::string what) { tell("watchdog", std::move(what)); }};
}

}  // namespace bellwire::host
