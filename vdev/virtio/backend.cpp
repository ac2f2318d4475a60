// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/backend.hpp"

#include "vdev/virtio/backend_impl.hpp"

namespace bellwire::virtio {

Result<Backend> Backend::create(boost::asio::io_context& context, Device& device, DmaSpace& memory,
                                BackendOptions options) {
  auto event = os::EventFd::create();
  if (!event) return event.error();
  auto reader = EventReader::create(context, *event, Impl::completed);
  if (!reader) return reader.error();
  return Backend(std::make_shared<Impl>(context, device, memory, std::move(options),
                                        std::move(*event), std::move(*reader)));
}

Backend::Backend(std::shared_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {
  impl_->begin();
}
Backend::Backend(Backend&&) noexcept = default;
Backend::~Backend() {
  if (impl_) impl_->end();
}

const Traits& Backend::traits() const noexcept {
  return impl_->traits();
}
std::uint64_t Backend::device_features() const noexcept {
  return impl_->device_features();
}
std::uint64_t Backend::driver_features() const noexcept {
  return impl_->driver_features();
}
Result<void> Backend::set_driver_features(std::uint64_t features) {
  return impl_->set_driver_features(features);
}
std::uint8_t Backend::status() const noexcept {
  return impl_->status();
}
void Backend::set_status(std::uint8_t status) {
  impl_->set_status(status);
}
Result<void> Backend::read_config(std::size_t offset, std::span<std::byte> into) const {
  return impl_->read_config(offset, into);
}
Result<void> Backend::write_config(std::size_t offset, std::span<const std::byte> from) {
  return impl_->write_config(offset, from);
}
Registration Backend::on_config_change(std::function<void()> listener) {
  return impl_->on_config_change(std::move(listener));
}
Result<void> Backend::start_queue(unsigned index, QueueSetup setup) {
  return impl_->start_queue(index, std::move(setup));
}
void Backend::stop_queue(unsigned index, Stopped done) {
  impl_->stop_queue(index, std::move(done));
}
Result<void> Backend::set_enabled(unsigned index, bool enabled) {
  return impl_->set_enabled(index, enabled);
}
bool Backend::started(unsigned index) const noexcept {
  return impl_->queue(index).started();
}
bool Backend::enabled(unsigned index) const noexcept {
  return impl_->enabled(index);
}
QueueCounts Backend::counts(unsigned index) const noexcept {
  return impl_->queue(index).counts();
}
Result<void> Backend::set_kick(unsigned index, std::optional<os::EventFd> kick) {
  return impl_->set_kick(index, std::move(kick));
}
Result<void> Backend::set_call(unsigned index, Interrupt call) {
  return impl_->set_call(index, std::move(call));
}
void Backend::pause(Done done) {
  impl_->pause(std::move(done));
}
void Backend::resume() {
  impl_->resume();
}
void Backend::reset(Done done) {
  impl_->reset(std::move(done));
}
void Backend::reset_now() {
  impl_->reset_now();
}

}  // namespace bellwire::virtio
