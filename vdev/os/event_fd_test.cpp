// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/event_fd.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "vdev/testing/process.hpp"

using bellwire::os::EventFd;
using bellwire::os::UniqueFd;
using namespace std::chrono_literals;

TEST_CASE("rings add up and one drain takes them all") {
  const auto event = EventFd::create().value();
  CHECK_FALSE(event.drain().has_value());
  CHECK(event.ring());
  CHECK(event.ring(41));
  CHECK(event.drain() == 42);
  CHECK_FALSE(event.drain().has_value());
}

TEST_CASE("a ring that would pass the maximum is refused and changes nothing") {
  constexpr auto most = ~std::uint64_t{0} - 1;
  const auto event = EventFd::create(most).value();
  CHECK_FALSE(event.ring());
  CHECK(event.drain() == most);
}

TEST_CASE("waiting ends with a ring or with its time") {
  const auto event = EventFd::create().value();
  CHECK_FALSE(event.wait(0ms));
  event.ring();
  CHECK(event.wait(10s));
}

TEST_CASE("a duplicate is the same wire") {
  const auto event = EventFd::create().value();
  const auto copy = event.duplicate().value();
  copy.ring(3);
  CHECK(event.drain() == 3);
}

TEST_CASE("only an eventfd can be adopted") {
  CHECK(EventFd::adopt(UniqueFd(::open("/dev/null", O_RDWR))).has_error());
  CHECK(EventFd::adopt(UniqueFd()).has_error());
  auto adopted = EventFd::adopt(EventFd::create(7).value().release()).value();
  CHECK(adopted.drain() == 7);
}

// Eventfds in the hands of a peer that clears O_NONBLOCK, fills them and drains them as it likes.
using bellwire::os::EventFd;
using bellwire::testing::PeerEvent;
using bellwire::testing::SleepAlarm;

namespace {

// What `act` returns in a child of ours, in which the system call `number` fails with `error`.
bool in_a_child_without(unsigned number, unsigned error, bool (*act)()) {
  const pid_t child = ::fork();
  if (child == 0) {
    sock_filter filter[] = {
        {.code = BPF_LD | BPF_W | BPF_ABS, .jt = 0, .jf = 0, .k = offsetof(seccomp_data, nr)},
        {.code = BPF_JMP | BPF_JEQ | BPF_K, .jt = 0, .jf = 1, .k = number},
        {.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ERRNO | error},
        {.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ALLOW}};
    const sock_fprog program{.len = std::size(filter), .filter = filter};
    const bool forbidden = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
    ::_exit(forbidden && act() ? 0 : 1);
  }
  int status = -1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

TEST_CASE("what a peer hands over keeps its flags, whatever is done with it") {
  for (const int flags : {0, int{EFD_NONBLOCK}, int{EFD_SEMAPHORE}, EFD_SEMAPHORE | EFD_NONBLOCK}) {
    const PeerEvent peer(flags);
    const int before = peer.flags();
    auto event = peer.handed_over();
    CHECK(event.ring());
    CHECK(event.drain() == 1);
    CHECK_FALSE(event.drain());
    auto copy = event.duplicate().value();
    CHECK(copy.shared());
    CHECK(event.replace(copy));
    CHECK(peer.flags() == before);
  }
}

TEST_CASE("a full eventfd without O_NONBLOCK is rung, and wakes its reader") {
  const SleepAlarm alarm;
  const PeerEvent peer;
  const auto event = peer.handed_over();
  peer.fill();
  for (int times = 0; times < 3; ++times) CHECK(event.ring());
  CHECK(peer.take() >= PeerEvent::full);
  CHECK_FALSE(SleepAlarm::rang());
}

TEST_CASE("an empty eventfd without O_NONBLOCK is drained of nothing") {
  const SleepAlarm alarm;
  const PeerEvent peer;
  CHECK_FALSE(peer.handed_over().drain());
  CHECK_FALSE(SleepAlarm::rang());
}

TEST_CASE("a semaphore's drain takes one at a time") {
  const SleepAlarm alarm;
  const PeerEvent peer(EFD_SEMAPHORE);
  const auto event = peer.handed_over();
  peer.fill();
  CHECK(event.drain() == 1);
  CHECK(event.ring());
  CHECK(event.drain() == 1);
  CHECK(peer.take() == 1);
  CHECK_FALSE(SleepAlarm::rang());
}

TEST_CASE("a peer that does all it can between any two of our steps stops none of them") {
  const PeerEvent peer(EFD_NONBLOCK);
  std::atomic<bool> enough = false;
  std::thread hostile([&] {
    while (!enough) {
      peer.set_blocking(true);
      peer.take();
      peer.set_blocking(false);
      peer.fill();
    }
  });
  {
    const SleepAlarm alarm;
    const auto event = peer.handed_over();
    for (int times = 0; times < 20'000 && !SleepAlarm::rang(); ++times) {
      event.ring();
      event.drain();
    }
    CHECK_FALSE(SleepAlarm::rang());
  }
  enough = true;
  hostile.join();
}

TEST_CASE("no ring is lost among many threads, and many more than the kernel keeps results of") {
  constexpr int threads = 4, each = 5'000;
  const PeerEvent peer;
  std::vector<std::thread> ringers;
  for (int index = 0; index < threads; ++index)
    ringers.emplace_back([event = peer.handed_over()] {
      for (int times = 0; times < each; ++times) event.ring();
    });
  for (auto& ringer : ringers) ringer.join();
  CHECK(peer.take() == threads * each);
}

TEST_CASE("one kind of eventfd is not replaced by the other, nor where the system refuses") {
  const PeerEvent peer;
  const auto shared = peer.handed_over();
  auto ours = EventFd::create().value();
  CHECK_FALSE(ours.replace(shared));
  CHECK(ours.ring());
  CHECK(ours.drain() == 1);
  CHECK_FALSE(shared.drain());

  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  const auto other = EventFd::create().value();
  const rlimit none{.rlim_cur = 0, .rlim_max = usual.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const bool replaced = ours.replace(other);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
  CHECK_FALSE(replaced);
  CHECK(ours.ring());
  CHECK_FALSE(other.drain());
}

TEST_CASE("a child rings, too") {
  CHECK(in_a_child_without(SYS_reboot, EPERM, [] {
    const PeerEvent peer;
    return peer.handed_over().ring() && peer.take() == 1;
  }));
}

TEST_CASE("a kernel that can't read so leaves the count, and never sleeps either") {
  CHECK(in_a_child_without(SYS_preadv2, EOPNOTSUPP, [] {
    const PeerEvent peer;
    const auto event = peer.handed_over();
    if (event.drain()) return false;
    peer.add(5);
    return event.drain() == 1 && event.drain() == 1;
  }));
}

TEST_CASE("a system without asynchronous I/O refuses a peer's eventfd, and says what helps") {
  CHECK(in_a_child_without(SYS_io_setup, ENOSYS, [] {
    const PeerEvent peer;
    const auto event = EventFd::adopt(bellwire::os::duplicate(peer.fd()));
    return !event && event.error().code == std::errc::function_not_supported &&
           event.error().message.find("fs.aio-max-nr") != std::string::npos &&
           EventFd::create().has_value();
  }));
}
