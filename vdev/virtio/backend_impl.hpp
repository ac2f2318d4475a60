// SPDX-License-Identifier: BSD-3-Clause
//
// Backend::Impl: decides which queues are served, and what happens when the last request in flight
// has been completed. Internal to Backend, whose header says what each call promises.
//
// What ends (a queue's stop, a pause, a reset) is finished by settle(), which runs between turns
// only: what it calls may end any queue.
#pragma once

#include "vdev/loop/event_reader.hpp"
#include "vdev/virtio/backend.hpp"
#include "vdev/virtio/queue_run.hpp"

namespace bellwire::virtio {

/// Lives as long as the session: what the device's notifiers reach.
struct ConfigNotifier::Target {
  boost::asio::io_context& context;
  std::function<void()> changed;  // on the context
};

class Backend::Impl final : public QueueHost,
                            public EventOwner,
                            public std::enable_shared_from_this<Impl> {
 public:
  static constexpr unsigned completed = 0;  // which event it is
  static constexpr unsigned device_ready = 1;

  Impl(boost::asio::io_context& context, Device& device, DmaSpace& memory, BackendOptions options,
       os::EventFd event, EventReader reader);
  void begin();
  void end();

  [[nodiscard]] const Traits& traits() const noexcept { return traits_; }
  [[nodiscard]] std::uint64_t device_features() const noexcept;
  [[nodiscard]] std::uint64_t driver_features() const noexcept { return features_; }
  [[nodiscard]] Result<void> set_driver_features(std::uint64_t features);
  [[nodiscard]] std::uint8_t status() const noexcept { return status_; }
  void set_status(std::uint8_t status);
  [[nodiscard]] Result<void> read_config(std::size_t offset, std::span<std::byte> into) const;
  [[nodiscard]] Result<void> write_config(std::size_t offset, std::span<const std::byte> from);
  [[nodiscard]] Registration on_config_change(std::function<void()> listener) {
    return config_listeners_.add(std::move(listener));
  }

  [[nodiscard]] const QueueRun& queue(unsigned index) const noexcept { return queues_[index]->run; }
  [[nodiscard]] bool enabled(unsigned index) const noexcept { return queues_[index]->enabled; }
  [[nodiscard]] Result<void> start_queue(unsigned index, QueueSetup setup);
  void stop_queue(unsigned index, Stopped done);
  [[nodiscard]] Result<void> set_enabled(unsigned index, bool enabled);
  [[nodiscard]] Result<void> set_kick(unsigned index, std::optional<os::EventFd> kick);
  [[nodiscard]] Result<void> set_call(unsigned index, Interrupt call);
  void pause(Done done);
  void resume();
  void reset(Done done);
  void reset_now();

 private:
  struct Queue {
    Queue(QueueHost& host, unsigned index) noexcept : run(host, index) {}
    QueueRun run;
    bool enabled = false;
    bool stopping = false;
    std::vector<Stopped> stopped = {};  // to be called
  };

  // Of QueueHost.
  void finish_turn() noexcept override;
  void deliver() noexcept override;
  void poll_queues() noexcept override;
  void polled_changed(bool polled) noexcept override;
  void note_broken() noexcept override { completions.wake(); }
  [[nodiscard]] QueueCounts counts_of(unsigned index) const noexcept override {
    return queue(index).counts();
  }

  void on_event(unsigned which, std::uint64_t count) override;

  // Sessions: between the device's start() and its stop().
  [[nodiscard]] Result<void> begin_session();
  void end_session();
  [[nodiscard]] Error queue_fault(unsigned index, const char* why) const;

  // Which queues are served.
  [[nodiscard]] bool wanted(const Queue& queue) const noexcept;
  [[nodiscard]] Result<void> serve(Queue& queue);
  void serve_all();

  // Ends.
  void begin_stop(Queue& queue);
  void settle();
  void settle_broken();
  void settle_stops();
  void settle_pause();
  void settle_reset();
  void revoke(const AddressRange& range);
  void cancel_all();
  void drain();
  [[nodiscard]] unsigned in_flight() const noexcept;

  const Traits traits_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::uint64_t features_ = 0;
  bool features_refused_ = false;
  std::uint8_t status_ = 0;
  Callbacks<> config_listeners_;
  std::shared_ptr<ConfigNotifier::Target> session_;  // while the device is started
  EventReader completed_reader_;
  std::optional<EventReader> ready_reader_;
  unsigned polled_ = 0;  // queues
  bool ended_ = false;
  bool paused_ = false;
  std::vector<Done> pauses_;  // to be called
  bool resetting_ = false;
  std::vector<Done> resets_;  // likewise
  Registration revoked_;
  Registration added_;
};

}  // namespace bellwire::virtio
