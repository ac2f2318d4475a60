// SPDX-License-Identifier: BSD-3-Clause
//
// SmallVm: what a scenario is played on: a guest, its VMM and a back-end, in this process. A guest
// on the software machine writes its doorbell, an ioeventfd; the back-end's thread serves the ring
// over vhost-user; its call is an irqfd, and the guest takes the interrupt. All of it is the
// product's code. A defect stands at a wire: in front of the machine (Plan::machine), of the
// back-end (Peer), or between two steps.
//
// Requests are numbered from 0. One thread; what a step says has happened when it returns.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "host/scenario/back_end.hpp"
#include "host/scenario/run_log.hpp"
#include "host/scenario/watch.hpp"
#include "vdev/machine/model/endpoint.hpp"
#include "vdev/transport/vhost_user/client/front_end.hpp"

namespace bellwire::host {

class SmallVm;

/// What is between the VMM and its back-end: as it is, nothing.
class Peer {
 public:
  virtual ~Peer() = default;
  /// The VMM enables the ring.
  virtual void enable(SmallVm& vm);
  /// The guest's doorbell has reached the kick eventfd.
  virtual void kicked(SmallVm& vm) { (void)vm; }
};

struct Plan {
  std::uint16_t first_index = 0;  ///< of the ring, as after a migration
  bool inflight = true;           ///< the VMM keeps an inflight region
  bool msix = true;               ///< else the scenario wires the call itself
  /// Null: the model of a machine alone.
  std::function<std::unique_ptr<machine::Machine>(std::unique_ptr<machine::Machine>)> machine = {};
  std::unique_ptr<Peer> peer = std::make_unique<Peer>();
};

class SmallVm {
 public:
  SmallVm(RunLog& run_log, Plan plan);

  // The VMM and its back-end.

  /// Starts a back-end's process and sets up everything but the ring's ENABLE.
  void connect();
  void enable();
  /// Kills the process: what it has not written by now it never writes.
  void kill_back_end();
  [[nodiscard]] BackEnd& back_end() { return *back_end_; }
  [[nodiscard]] vhost_user::FrontEnd& front() noexcept { return front_; }
  [[nodiscard]] vhost_user::Ring& ring() noexcept { return front_.ring(0); }
  void settle();

  // The guest.

  void offer();      ///< makes a request available
  void ring_bell();  ///< writes the doorbell register
  void submit() {
    offer();
    ring_bell();
  }
  /// Takes an interrupt if there is one, and the completions. False: there is none.
  bool take_interrupt();
  /// An interrupt has come by another way than the VM's MSI-X.
  void interrupted() noexcept;
  /// Takes what the ring has; how many.
  unsigned take_completions();
  [[nodiscard]] machine::Machine& machine() noexcept { return *machine_; }
  [[nodiscard]] machine::MsixTable& msix() noexcept { return endpoint_->msix(); }

  // What can be seen.

  void tell(const char* who, std::string what) { log_.tell(who, std::move(what)); }
  /// The ring's indexes, as the memory has them.
  [[nodiscard]] unsigned available() { return ring().words.split().offered(); }
  [[nodiscard]] unsigned used() { return ring().words.split().used_index(); }
  [[nodiscard]] std::uint32_t submitted() const noexcept { return submitted_; }
  [[nodiscard]] std::uint32_t consumed() const noexcept;
  [[nodiscard]] Watched watched();

 private:
  [[nodiscard]] Progress progress();
  void take_answer(std::uint16_t head);

  RunLog& log_;
  Plan plan_;
  vhost_user::Transcript transcript_;
  vhost_user::FrontEnd front_;
  std::unique_ptr<machine::Machine> machine_;
  std::optional<machine::Endpoint> endpoint_;
  std::optional<BackEnd> back_end_;
  std::uint32_t submitted_ = 0, rung_ = 0, interrupted_ = 0;
  std::uint32_t posted_before_ = 0;                 // when this life of the back-end began
  std::set<std::uint32_t> done_;                    // requests that were answered
  std::map<std::uint16_t, std::uint32_t> numbers_;  // of requests, by their first descriptor
  std::map<std::uint32_t, std::uint64_t> answers_;  // where they are written, by request
};

}  // namespace bellwire::host
