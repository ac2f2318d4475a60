// SPDX-License-Identifier: BSD-3-Clause
//
// The front-end against bellwire's own back-end, in every dialect, and its waits against a back-end
// that does nothing. What it finds out about others is tested in host/conform.
#include "vdev/transport/vhost_user/client/front_end.hpp"

#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "vdev/testing/vhost_user_script.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using namespace bellwire::vhost_user;

namespace {

// A back-end whose device completes each request at once, on a thread of its own.
class RunningBackend {
 public:
  RunningBackend() {
    served_.device.at_once = true;
    thread_ = std::thread([this] { served_.loop.context.run(); });
  }
  ~RunningBackend() {
    served_.loop.context.stop();
    thread_.join();
  }
  [[nodiscard]] const std::string& path() const { return served_.path; }

 private:
  ServedBackend served_;
  std::thread thread_;
};

PieceShape shape_for(const Dialect& dialect) {
  return {.guest_address = std::uint64_t{1} << 32,
          .size = 1 << 20,
          .user_address = dialect.one_address ? 0 : std::uint64_t{0x7F00} << 32};
}

FrontEnd front_end(const std::string& path, const Dialect& dialect, Transcript& transcript) {
  const auto shape = shape_for(dialect);
  return FrontEnd::create(Link::connect(path, {}, transcript).value(), dialect, {},
                          vhost_user::GuestMemory::create({&shape, 1}).value())
      .value();
}

void exchange(FrontEnd& front, unsigned count) {
  auto& [words, kick, call] = front.ring(0);
  const Buffer buffer{.address = front.memory().allocate(64), .size = 64, .writable = true};
  for (unsigned index = 0; index < count; ++index) {
    const auto head = words.describe({&buffer, 1});
    REQUIRE(head);
    words.offer(*head);
    REQUIRE(kick.ring());
    REQUIRE(call.wait(patience));
    call.drain();
    const auto used = words.take();
    REQUIRE(used);
    CHECK(used->id == *head);
    CHECK(used->len == 1);
  }
}

struct SilentBackend {
  SilentBackend() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    end = os::UniqueFd(ends[0]);
    link.emplace(os::UniqueFd(ends[1]), Patience{.limit = std::chrono::milliseconds(20)},
                 transcript);
  }
  Transcript transcript;
  os::UniqueFd end;
  std::optional<Link> link;
};

}  // namespace

TEST_CASE("every dialect brings a back-end up, and up again after a connection was lost") {
  for (const auto& dialect : dialects()) {
    CAPTURE(dialect.name);
    CHECK(dialect_of(dialect.name) == &dialect);
    const RunningBackend backend;
    Transcript transcript;
    auto front = front_end(backend.path(), dialect, transcript);
    REQUIRE(front.bring_up().has_value());
    exchange(front, 40);
    front.hang_up();
    REQUIRE(front.reconnect(backend.path()).has_value());
    REQUIRE(front.bring_up().has_value());
    exchange(front, 40);
    CHECK(front.stop_ring(0).value() == 80);
  }
}

TEST_CASE("a refusal is an error, and names the message") {
  const RunningBackend backend;
  Transcript transcript;
  auto front = front_end(backend.path(), *dialect_of("libblkio"), transcript);
  REQUIRE(front.bring_up().has_value());
  CHECK(front.acknowledged(Request::set_vring_num, vhost_vring_state{.index = 9, .num = 16})
            .value() != 0);
  const auto told = front.tell(Request::set_vring_num, vhost_vring_state{.index = 9, .num = 16});
  REQUIRE(told.has_error());
  CHECK(told.error().code == std::errc::operation_not_permitted);
  CHECK(told.error().message.find("SET_VRING_NUM") != std::string::npos);
}

TEST_CASE("nothing is waited for without end") {
  SilentBackend silent;
  CHECK(silent.link->receive().error().code == std::errc::timed_out);
  CHECK_FALSE(silent.link->closed_in_time());
  const std::string nonsense(64, '\xFF');
  REQUIRE(::write(silent.end.get(), nonsense.data(), nonsense.size()) == 64);
  CHECK(silent.link->receive().error().code == std::errc::protocol_error);
  SilentBackend gone;
  gone.end.reset();
  CHECK(gone.link->receive().error().code == std::errc::connection_reset);
  CHECK(gone.link->closed_in_time());
}

TEST_CASE("a back-end that sends without end has not closed the connection") {
  int ends[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  const os::UniqueFd far(ends[1]);
  Transcript transcript;
  Link link(os::UniqueFd(ends[0]), {.limit = std::chrono::milliseconds(20)}, transcript);
  std::atomic<bool> enough = false;
  std::thread sender([&] {
    const auto message = pack_reply(static_cast<std::uint32_t>(Request::get_features), Bytes(8));
    while (!enough) static_cast<void>(os::send_parcel(far.get(), message, {}));
  });
  CHECK_FALSE(link.closed_in_time());
  enough = true;
  sender.join();
}
