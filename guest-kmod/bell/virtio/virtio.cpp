// SPDX-License-Identifier: BSD-3-Clause
//
// bell virtio: drives a ring device that is served as a virtio device (uapi/bellwire_virtio.h):
// registers through sysfs, a virtqueue in a huge page. It looks for answers, since a process can't
// take interrupts without the kernel's help; that the device raises them shows in its registers.
#include <linux/virtio_config.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

#include "guest-kmod/bell/commands.hpp"
#include "guest-kmod/bell/report/ktap_checks.hpp"
#include "guest-kmod/bell/virtio/request_queue.hpp"
#include "vdev/core/crc32c.hpp"

namespace bell {

using bellwire::fault;
using bellwire::text;
namespace {

constexpr std::uint32_t kind_at = offsetof(bellwire_virtio_config, kind);

bool echoed(const RequestQueue::Answer& answer) {
  return answer.output == RequestQueue::input(answer.number);
}

bool digested(const RequestQueue::Answer& answer) {
  return answer.output.empty() &&
         answer.reply.result == bellwire::crc32c(RequestQueue::input(answer.number));
}

struct Kind {
  std::string name;
  bool (*right)(const RequestQueue::Answer& answer);
};

Result<Kind> kind_of(const VirtioDevice& device) {
  if (device.config_size() < sizeof(bellwire_virtio_config))
    return fault(std::errc::protocol_error,
                 "{} has a config space of {} bytes, not {}; give QEMU's device config_size={}",
                 device.pci().address(), device.config_size(), sizeof(bellwire_virtio_config),
                 sizeof(bellwire_virtio_config));
  std::string name;
  for (std::uint32_t at = 0; at < BELLWIRE_KIND_SIZE && device.config(kind_at + at) != 0; ++at)
    name += static_cast<char>(device.config(kind_at + at));
  if (name == "echo" || name == "delay") return Kind{name, echoed};
  if (name == "digest") return Kind{name, digested};
  return fault(std::errc::not_supported, "{} is '{}': only echo, delay and digest can be checked",
               device.pci().address(), name);
}

class Drive {
 public:
  Drive(RequestQueue& queue, Kind kind) : queue_(queue), kind_(std::move(kind)) {}

  bool one() {
    queue_.submit(1);
    queue_.kick();
    return take_right();
  }

  // Up to `most_in_flight` at a time; returns how many were answered right, each once.
  std::uint64_t many(std::uint64_t count) {
    std::uint64_t submitted = 0, right = 0;
    while (right < count) {
      const auto first = submitted;
      while (submitted < count && submitted - first < RequestQueue::most_in_flight)
        queue_.submit(static_cast<std::uint32_t>(submitted++));
      queue_.kick();
      std::vector<bool> came(submitted - first);
      for (auto left = came.size(); left > 0; --left) {
        const auto answer = queue_.wait();
        if (!answer || !good(*answer)) return right;
        const auto which = answer->number - static_cast<std::uint32_t>(first);
        if (which >= came.size() || came[which]) return right;
        came[which] = true;
        ++right;
      }
    }
    return right;
  }

  bool unseen(std::uint32_t readable, std::uint32_t writable) {
    queue_.submit_nonsense(readable, writable);
    queue_.kick();
    const auto answer = queue_.wait();
    return answer && answer->written == 0;
  }

  bool refused() {
    queue_.submit(2, 1);
    queue_.kick();
    const auto answer = queue_.wait();
    return answer && answer->written == RequestQueue::reply_size &&
           answer->reply.status == BELLWIRE_BAD_OPERATION;
  }

 private:
  [[nodiscard]] bool good(const RequestQueue::Answer& answer) const {
    return answer.reply.status == BELLWIRE_DONE &&
           answer.written == RequestQueue::reply_size + answer.reply.length && kind_.right(answer);
  }
  bool take_right() {
    const auto answer = queue_.wait();
    return answer && good(*answer);
  }

  RequestQueue& queue_;
  Kind kind_;
};

// QEMU may raise the interrupt a moment after the answer is there.
bool interrupted(const VirtioDevice& device) {
  constexpr unsigned tries = 1000;
  for (unsigned count = 0; count < tries; ++count) {
    const auto shown = device.pci().interrupting();
    if (shown && *shown) return device.take_interrupt();
    ::usleep(1000);
  }
  return false;
}

}  // namespace

Result<bool> run_virtio(const VirtioOptions& options) {
  const auto device = VirtioDevice::open(options.id);
  if (!device) return device.error();
  const auto memory = DmaMemory::create();
  if (!memory) return memory.error();
  const auto address = memory->address();
  if (!address) return address.error();
  const auto kind = kind_of(*device);
  if (!kind) return kind.error();
  const bool packed = !options.split && (device->features() >> VIRTIO_F_RING_PACKED & 1) != 0;
  auto queue = RequestQueue::start(*device, *memory, packed);
  if (!queue) return queue.error();
  KtapChecks checks(7);
  Drive drive(*queue, *kind);
  (void)device->take_interrupt();
  queue->ask_for_interrupt();
  checks.check(drive.one(), text("the {} at {} answers on a {} ring", kind->name,
                                 device->pci().address(), packed ? "packed" : "split"));
  checks.check(interrupted(*device), "it interrupts, which shows in PCI status and ISR status");
  const auto right = drive.many(options.count);
  checks.check(right == options.count, text("{} of {} requests are answered once, and right, "
                                            "however they are split into buffers",
                                            right, options.count));
  checks.check(drive.unseen(15, 64) && drive.unseen(64, 15) && drive.unseen(0, 64) && drive.one(),
               "chains without room for request and reply come back unseen, and the queue goes on");
  checks.check(drive.refused() && drive.one(), "an unknown flag is answered with the reason");
  const auto anew = RequestQueue::start(*device, *memory, packed);
  if (anew) *queue = *anew;
  checks.check(anew && drive.one(), "after a reset it is driven again");
  const auto now = memory->address();
  checks.check(device->reset() && now && *now == *address, "the memory stayed where it was");
  if (auto there = device->pci().check(); !there) return there.error();
  return checks.good();
}

}  // namespace bell
