// SPDX-License-Identifier: BSD-3-Clause
#include "host/live/sampler.hpp"

#include <poll.h>

#include <array>
#include <boost/json.hpp>
#include <ctime>
#include <utility>

#include "host/output/json_text.hpp"
#include "vdev/os/thread.hpp"

namespace bellwire::host::live {
namespace {

namespace json = boost::json;

constexpr std::size_t most_asked = 8;

json::object to_json(const QueueStatus& queue, const std::string& hang) {
  return {{"queue", queue.queue},
          {"generation", queue.generation},
          {"entries", queue.entries},
          {"status", queue.status},
          {"submitted", queue.submitted},
          {"completed", queue.completed},
          {"doorbells", queue.doorbells},
          {"wakeups", queue.wakeups},
          {"raises", queue.raises},
          {"lost", queue.lost},
          {"hang", hang}};
}

template <class Value>
json::value or_null(const std::optional<Value>& value) {
  return value ? json::value(*value) : json::value();
}

json::object to_json(const FaultStatus& fault) {
  return {{"fault", fault.fault},
          {"wire", fault.wire},
          {"times", fault.times},
          {"given", fault.given},
          {"armed", fault.armed},
          {"queue", or_null(fault.queue)},
          {"request", or_null(fault.request)},
          {"answered", or_null(fault.answered)}};
}

json::value to_json(const std::optional<FunctionCounts>& counts) {
  if (!counts) return nullptr;
  using pci::EventKind;
  return json::object{{"accesses", counts->of(EventKind::read) + counts->of(EventKind::write)},
                      {"dma_bytes", counts->dma_bytes},
                      {"interrupts", counts->of(EventKind::interrupt)}};
}

json::object to_json(const DeviceStatus& status, Hangs& hangs) {
  json::array queues, faults;
  for (const auto& queue : status.queues)
    queues.push_back(to_json(queue, hangs.look(queue, status.when)));
  for (const auto& fault : status.faults) faults.push_back(to_json(fault));
  return {{"device", status.device},     {"transport", status.transport},
          {"pid", status.pid},           {"starts", status.incarnation},
          {"queues", std::move(queues)}, {"function", to_json(status.function)},
          {"faults", std::move(faults)}, {"takes_faults", status.takes_faults}};
}

}  // namespace

std::string Hangs::look(const QueueStatus& queue, Clock::time_point now) {
  if (!queue.waits) {
    seen_.erase(queue.queue);
    return {};
  }
  const auto [known, added] = seen_.try_emplace(queue.queue, Seen{*queue.waits, now});
  auto& seen = known->second;
  if (!added && seen.hang != *queue.waits) seen = {*queue.waits, now};
  return now - seen.since < patience ? "" : ring::describe(seen.hang, now - seen.since);
}

std::string sample_text(const std::string& socket, double at, const Result<DeviceStatus>& status,
                        Hangs& hangs) {
  json::object device =
      status ? to_json(*status, hangs) : json::object{{"error", status.error().message}};
  device["socket"] = socket;
  return json_text(json::object{{"at", at}, {"device", std::move(device)}});
}

Sampler::Sampler(std::string socket, std::chrono::nanoseconds interval, TakeSample take)
    : socket_(std::move(socket)),
      interval_(interval),
      take_(std::move(take)),
      stop_(os::EventFd::create().value()),
      wake_(os::EventFd::create().value()),
      thread_(os::start_thread([this] { run(); })) {}

Sampler::~Sampler() {
  stop_.ring();
  thread_.join();
}

Result<void> Sampler::ask(json::object request, Done done) {
  const std::lock_guard lock(mutex_);
  if (asked_.size() >= most_asked)
    return fault(std::errc::device_or_resource_busy,
                 "{}: {} faults wait for the device already; is it stopped?", socket_, most_asked);
  asked_.push_back({std::move(request), std::move(done)});
  wake_.ring();
  return {};
}

void Sampler::serve_asked() {
  std::vector<Asked> asked;
  {
    const std::lock_guard lock(mutex_);
    static_cast<void>(wake_.drain());
    asked.swap(asked_);
  }
  for (const auto& [request, done] : asked) done(ask_device(socket_, request, stop_.fd()));
}

void Sampler::run() {
  auto next = Clock::now();
  do {
    serve_asked();
    const auto status = ask_status(socket_, stop_.fd());
    const auto when = status ? status->when : Clock::now();
    take_(
        sample_text(socket_, std::chrono::duration<double>(when - began_).count(), status, hangs_));
    next = std::max(next + interval_, Clock::now());
  } while (!stopped_after(next));
}

// Earlier, if somebody asks.
bool Sampler::stopped_after(Clock::time_point next) {
  const auto left = std::max(next - Clock::now(), Clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec limit{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
  std::array<pollfd, 2> waited{{{.fd = stop_.fd(), .events = POLLIN, .revents = 0},
                                {.fd = wake_.fd(), .events = POLLIN, .revents = 0}}};
  return ::ppoll(waited.data(), waited.size(), &limit, nullptr) > 0 && waited[0].revents != 0;
}

}  // namespace bellwire::host::live
