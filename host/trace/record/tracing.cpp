// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/record/tracing.hpp"

#include "host/cli/options.hpp"

namespace bellwire::host {

Result<void> Tracing::start(bool function) {
  if (!options_.wanted()) return {};
  thread_.emplace();
  if (function) thread_->follow(log_);
  thread_->follow(faults_);
  thread_->follow(stepper_);
  if (!options_.control.empty()) {
    auto control = ControlServer::create(*thread_, facts_, options_.control);
    if (!control) return control.error();
    control_.emplace(std::move(*control));
  }
  return options_.file ? record_all() : Result<void>();
}

Result<void> Tracing::record_all() {
  auto file = create_file(options_.file);
  if (!file) return file.error();
  if (*file) file_.emplace(std::move(**file));
  Result<void> begun;
  thread_->run([&] {
    begun = thread_->begin(facts_, {}, [this](const auto& trace) { written_ = write(trace); });
  });
  return begun;
}

Registration Tracing::attach(const ring::Layout& layout) {
  attached_ = true;
  if (!thread_) return {};
  thread_->attach(layout);
  return Registration(
      std::shared_ptr<void>(&*thread_, [](RecordingThread* thread) { thread->detach(); }));
}

unsigned Tracing::descriptors_to_come() const noexcept {
  return control_ ? ControlServer::most_clients + 1 : 0;
}

Result<void> Tracing::finish() {
  if (thread_) thread_->run([this] { thread_->end(); });
  control_.reset();
  thread_.reset();
  file_.reset();
  return written_;
}

Result<void> Tracing::write(const std::string& trace) {
  if (!attached_ && log_.counts().events == FunctionCounts{}.events)
    return fault(std::errc::no_message_available,
                 "'{}' was not written: no driver used the device, so nothing was recorded",
                 *options_.file);
  file_->stream() << trace;
  return file_->commit();
}

}  // namespace bellwire::host
