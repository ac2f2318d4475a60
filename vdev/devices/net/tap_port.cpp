// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/net/tap_port.hpp"

#include <boost/asio/post.hpp>

#include "vdev/log/log.hpp"
#include "vdev/loop/asio.hpp"

namespace bellwire::net {
namespace asio = boost::asio;

namespace {
constexpr unsigned most_a_turn = 64;  // frames; the rings want their turn, too
}  // namespace

class TapPort::Impl final : public Port, public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, os::Tap tap, std::size_t most_bytes)
      : context_(context), ready_(context), tap_(std::move(tap)), frame_(most_bytes + 1) {}

  Result<void> start(Switch& net) {
    auto seat = net.join(*this);
    if (!seat) return fault(std::errc::no_space_on_device, "the switch has no free port");
    seat_.emplace(std::move(*seat));
    if (auto watched = watch(ready_, tap_.fd()); !watched) return watched;
    wait();
    return {};
  }

  void close() {
    boost::system::error_code ignored;
    ready_.close(ignored);
    seat_.reset();
  }

  [[nodiscard]] const PortCounts& counts() const noexcept { return seat_->counts(); }

 private:
  bool deliver(std::span<const std::byte> frame) noexcept override { return tap_.write(frame); }

  void wait() {
    ready_.async_wait(ready_.wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (!error) self->take();
                      });
  }

  // A frame that fills the buffer is longer than any may be.
  void take() {
    std::error_code error;
    for (unsigned taken = 0; seat_ && taken < most_a_turn; ++taken) {
      const auto size = tap_.read(frame_, error);
      if (error) return gone(error);
      if (!size) return wait();
      seat_->send(std::span(frame_).first(*size), Clock::now());
    }
    if (seat_) asio::post(context_, [self = shared_from_this()] { self->take(); });
  }

  void gone(const std::error_code& error) {
    log::warning("the tap '{}' is gone: {}", tap_.name(), error.message());
  }

  asio::io_context& context_;
  asio::posix::stream_descriptor ready_;
  os::Tap tap_;
  std::vector<std::byte> frame_;
  std::optional<Switch::Seat> seat_;  // until it is closed
};

TapPort::TapPort(std::shared_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
TapPort::TapPort(TapPort&&) noexcept = default;
TapPort::~TapPort() {
  if (impl_) impl_->close();
}

const PortCounts& TapPort::counts() const noexcept {
  return impl_->counts();
}

Result<TapPort> TapPort::create(asio::io_context& context, Switch& net, os::Tap tap) {
  auto impl = std::make_shared<Impl>(context, std::move(tap), net.most_bytes());
  auto started = impl->start(net);
  TapPort port(std::move(impl));
  if (!started) return started.error();
  return port;
}

}  // namespace bellwire::net
