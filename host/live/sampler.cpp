// SPDX-License-Identifier: BSD-3-Clause
#include "host/live/sampler.hpp"

#include <poll.h>

#include <boost/json.hpp>
#include <ctime>
#include <utility>

#include "host/output/json_text.hpp"

namespace bellwire::host::live {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

json::object to_json(const QueueStatus& queue) {
  return {{"queue", queue.queue},         {"generation", queue.generation},
          {"entries", queue.entries},     {"status", queue.status},
          {"submitted", queue.submitted}, {"completed", queue.completed},
          {"doorbells", queue.doorbells}, {"wakeups", queue.wakeups},
          {"raises", queue.raises},       {"lost", queue.lost}};
}

json::value to_json(const std::optional<FunctionCounts>& counts) {
  if (!counts) return nullptr;
  using pci::EventKind;
  return json::object{{"accesses", counts->of(EventKind::read) + counts->of(EventKind::write)},
                      {"dma_bytes", counts->dma_bytes},
                      {"interrupts", counts->of(EventKind::interrupt)}};
}

json::object to_json(const DeviceStatus& status) {
  json::array queues, faults;
  for (const auto& queue : status.queues) queues.push_back(to_json(queue));
  for (const auto& [fault, times] : status.faults)
    faults.push_back(json::object{{"fault", fault}, {"times", times}});
  return {{"device", status.device},     {"transport", status.transport},
          {"pid", status.pid},           {"starts", status.incarnation},
          {"queues", std::move(queues)}, {"function", to_json(status.function)},
          {"faults", std::move(faults)}};
}

}  // namespace

std::string sample_text(const std::string& socket, double at, const Result<DeviceStatus>& status) {
  json::object device = status ? to_json(*status) : json::object{{"error", status.error().message}};
  device["socket"] = socket;
  return json_text(json::object{{"at", at}, {"device", std::move(device)}});
}

Sampler::Sampler(std::string socket, std::chrono::nanoseconds interval, TakeSample take)
    : socket_(std::move(socket)),
      interval_(interval),
      take_(std::move(take)),
      stop_(os::EventFd::create().value()),
      thread_([this] { run(); }) {}

Sampler::~Sampler() {
  stop_.ring();
  thread_.join();
}

void Sampler::run() {
  auto next = Clock::now();
  do {
    const auto status = ask_status(socket_, stop_.fd());
    const auto when = status ? status->when : Clock::now();
    take_(sample_text(socket_, std::chrono::duration<double>(when - began_).count(), status));
    next = std::max(next + interval_, Clock::now());
  } while (!stopped_after(next));
}

bool Sampler::stopped_after(Clock::time_point next) const {
  const auto left = std::max(next - Clock::now(), Clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec limit{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
  pollfd stop{.fd = stop_.fd(), .events = POLLIN, .revents = 0};
  return ::ppoll(&stop, 1, &limit, nullptr) > 0;
}

}  // namespace bellwire::host::live
