// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/steps/doorbells.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "vdev/ring/words.hpp"

namespace bellwire::steps {
namespace asio = boost::asio;

namespace {

bool asks(const ring::Queue& queue) {
  const auto& control = *queue.control;
  const auto now = [](const __u32& word) { return ring::load(word, ring::acquire); };
  return now(control.driver.generation) == now(control.status.generation) &&
         now(control.submit.submitted) != now(control.complete.completed);
}

}  // namespace

class Doorbells::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, Device& device, const ring::Layout& layout,
       std::shared_ptr<Stepper> stepper)
      : context_(context), device_(device), layout_(layout), stepper_(std::move(stepper)) {}

  Result<void> add(os::EventFd& doorbell) {
    auto ours = os::EventFd::create();
    if (!ours) return ours.error();
    auto to = ours->duplicate();
    if (!to) return to.error();
    auto watched = doorbell.duplicate();
    if (!watched) return watched.error();
    asio::posix::stream_descriptor readable(context_);
    boost::system::error_code error;
    readable.assign(watched->fd(), error);
    if (error) return Error{error, text("cannot watch a doorbell: {}", error.message())};
    static_cast<void>(std::move(*watched).release().release());
    wires_.push_back(
        {std::exchange(doorbell, std::move(*ours)), std::move(*to), std::move(readable)});
    return {};
  }

  Result<void> begin(const Attachment& attachment) {
    Stepper::View view{.layout = layout_, .doorbells = {}, .interrupts = attachment.interrupts};
    for (const auto& wire : wires_) {
      auto seen = wire.from.duplicate();
      if (!seen) return seen.error();
      view.doorbells.push_back(std::move(*seen));
    }
    stepper_->attach(std::move(view), [weak = weak_from_this()](const StepGate::Hop& hop) {
      if (const auto self = weak.lock()) self->resume(hop);
    });
    for (unsigned index = 0; index < wires_.size(); ++index) wait(index);
    return {};
  }

  void end() {
    running_ = false;
    stepper_->detach();
    for (auto& wire : wires_) {
      boost::system::error_code ignored;
      wire.readable.close(ignored);
    }
  }

 private:
  struct Wire {
    os::EventFd from, to;
    asio::posix::stream_descriptor readable;
  };

  void wait(unsigned index) {
    wires_[index].readable.async_wait(
        asio::posix::stream_descriptor::wait_read,
        [self = shared_from_this(), index](const boost::system::error_code& error) {
          if (!error && self->running_) self->rung(index);
        });
  }

  void rung(unsigned index) {
    if (asks(layout_.queue(index)) && !stepper_->opens(index, BELLWIRE_WOKEN, "take")) return;
    take(index);
    wait(index);
  }

  // The device is woken by what is taken.
  void take(unsigned index) {
    if (const auto count = wires_[index].from.drain()) wires_[index].to.ring(*count);
  }

  // From any thread.
  void resume(const StepGate::Hop& hop) {
    asio::post(context_, [self = shared_from_this(), hop] {
      if (!self->running_) return;
      if (hop.stage == BELLWIRE_WOKEN)
        self->rung(hop.queue);
      else
        self->turn(hop.queue);
      self->stepper_->tried(hop);
    });
  }

  void turn(unsigned queue) {
    while (device_.on_poll(queue) == Turn::more) {
    }
  }

  asio::io_context& context_;
  Device& device_;
  const ring::Layout layout_;
  const std::shared_ptr<Stepper> stepper_;
  std::vector<Wire> wires_;
  bool running_ = true;
};

Result<Doorbells> Doorbells::start(asio::io_context& context, Device& device,
                                   Attachment& attachment, const ring::Layout& layout,
                                   std::shared_ptr<Stepper> stepper) {
  if (!stepper || stepper->look().runs) return Doorbells(nullptr);
  attachment.steps = stepper;
  Doorbells doorbells(std::make_shared<Impl>(context, device, layout, std::move(stepper)));
  for (unsigned index = 0; index < layout.queues(); ++index)
    if (auto added = doorbells.impl_->add(attachment.doorbells[index]); !added)
      return added.error();
  if (auto begun = doorbells.impl_->begin(attachment); !begun) return begun.error();
  return doorbells;
}

Doorbells::~Doorbells() {
  if (impl_) impl_->end();
}

}  // namespace bellwire::steps
