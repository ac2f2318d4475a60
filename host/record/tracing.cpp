// SPDX-License-Identifier: BSD-3-Clause
#include "host/record/tracing.hpp"

#include <cerrno>

namespace bellwire::host {

Result<void> Tracing::start() {
  if (!options_.wanted()) return {};
  thread_.emplace();
  if (!options_.control.empty()) {
    auto control = Control::create(*thread_, facts_, options_.control);
    if (!control) return control.error();
    control_.emplace(std::move(*control));
  }
  return options_.file.empty() ? Result<void>() : record_all();
}

Result<void> Tracing::record_all() {
  file_.open(options_.file, std::ios::trunc);
  if (!file_) return system_fault("--trace {}: cannot be written", options_.file);
  Result<void> begun;
  thread_->run([&] {
    begun = thread_->begin(facts_, {}, [this](const auto& trace) { written_ = write(trace); });
  });
  return begun;
}

void Tracing::attach(const MemoryView& memory) {
  if (thread_) thread_->attach(memory);
}

void Tracing::detach() {
  if (thread_) thread_->detach();
}

Result<void> Tracing::finish() {
  if (thread_) thread_->run([this] { thread_->end(); });
  control_.reset();
  thread_.reset();
  return written_;
}

Result<void> Tracing::write(const std::string& trace) {
  file_ << trace << std::flush;
  if (file_) return {};
  return system_fault("--trace {}: cannot be written", options_.file);
}

}  // namespace bellwire::host
