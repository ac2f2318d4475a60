// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/mechanisms/lab_mechanisms.hpp"

namespace bell::compare {
namespace {

// An end that two processes have, too, by the name of its row.
template <const char* const& name>
std::unique_ptr<Channel> shared(LabSession&) {
  return make_channel(name);
}

constexpr const char* pipe_row = "pipe";
constexpr const char* fifo_row = "FIFO";
constexpr const char* datagram_row = "AF_UNIX datagram";
constexpr const char* stream_row = "AF_UNIX stream";
constexpr const char* udp_row = "AF_INET UDP";
constexpr const char* tcp_row = "AF_INET TCP";
constexpr const char* read_row = "eventfd, read";
constexpr const char* poll_row = "eventfd, poll";
constexpr const char* epoll_row = "eventfd, epoll";
constexpr const char* uring_row = "eventfd, io_uring";
constexpr const char* signal_row = "signal, queued";

constexpr MakeEnd pipe_end = shared<pipe_row>, fifo_end = shared<fifo_row>,
                  datagram_end = shared<datagram_row>, stream_end = shared<stream_row>,
                  udp_end = shared<udp_row>, tcp_end = shared<tcp_row>,
                  event_end = shared<read_row>, event_poll_end = shared<poll_row>,
                  event_epoll_end = shared<epoll_row>, event_uring_end = shared<uring_row>,
                  signal_end = shared<signal_row>;

constexpr const char* wire_out = "send.c:send_bytes wire.c:lab_wire_write wire.c:check_pipe";
constexpr const char* wire_in = "receive.c:take_bytes wire.c:lab_wire_read wire.c:check_pipe";
constexpr const char* socket_out =
    "send.c:send_bytes wire.c:lab_wire_write wire.c:send_message wire.c:check_socket";
constexpr const char* socket_in =
    "receive.c:take_bytes wire.c:lab_wire_read wire.c:receive_message wire.c:check_socket";
constexpr const char* event_out = "send.c:send_eventfd wire.c:check_eventfd";
constexpr const char* event_read =
    "receive.c:take_eventfd wire.c:check_eventfd wire.c:lab_wire_read";
constexpr const char* event_poll =
    "watch.c:lab_watch watch.c:lab_unwatch watch.c:remember_head watch.c:lab_watch_take "
    "watch.c:take watch.c:take_locked wire.c:check_eventfd";
constexpr const char* event_callback =
    "watch.c:lab_watch watch.c:lab_unwatch watch.c:remember_head watch.c:lab_watch_callback "
    "watch.c:pass_locked watch.c:take_locked wire.c:check_eventfd";
constexpr const char* netlink_out =
    "genl.c:lab_genl_unicast genl.c:message genl.c:put_attributes genl.c:policy genl.c:family";
constexpr const char* multicast_out =
    "genl.c:lab_genl_multicast genl.c:message genl.c:put_attributes genl.c:policy genl.c:family "
    "genl.c:groups";
constexpr const char* netlink_in =
    "genl.c:do_notify genl.c:pass genl.c:operations genl.c:policy genl.c:family";
constexpr const char* device_out = "send.c:send_device file.c:lab_read file.c:take_unread";
constexpr const char* device_poll_out =
    "send.c:send_device file.c:lab_read file.c:take_unread file.c:lab_poll";
constexpr const char* netlink_user =
    "netlink.cpp:GenericEnd netlink.cpp:Message netlink.cpp:find "
    "netlink.cpp:number_in netlink.cpp:receive";
constexpr const char* multicast_user =
    "netlink.cpp:GenericEnd netlink.cpp:Message netlink.cpp:find "
    "netlink.cpp:number_in netlink.cpp:receive netlink.cpp:GenericMember";

using Text = std::string_view;

constexpr LabMechanism sends(Text name, Text what, Text user, Text kernel, notify_lab_sender how,
                             MakeEnd end, Traits traits = {}) {
  return {name, what, user, kernel, how, NOTIFY_LAB_RECEIVE_NONE, end, nullptr, traits};
}
constexpr LabMechanism from_interrupt(Text name, Text what, Text user, Text kernel,
                                      notify_lab_sender how, MakeEnd end) {
  auto row = sends(name, what, user, kernel, how, end);
  row.hardirq = true;
  return row;
}
constexpr LabMechanism receives(Text name, Text what, Text user, Text kernel,
                                notify_lab_receiver how, MakeEnd end, Traits traits = {}) {
  return {name, what, user, kernel, NOTIFY_LAB_SEND_NONE, how, nullptr, end, traits};
}
constexpr LabMechanism answers(Text name, Text what, Text user, Text kernel, notify_lab_sender send,
                               MakeEnd from_kernel, notify_lab_receiver receive,
                               MakeEnd to_kernel) {
  return {name, what, user, kernel, send, receive, from_kernel, to_kernel};
}

constexpr LabMechanism lab_rows[] = {
    // kernel -> user
    sends("eventfd, read", "eventfd_signal", "eventfds.cpp:EventFdRead", event_out,
          NOTIFY_LAB_SEND_EVENTFD, event_end),
    sends("eventfd, poll", "eventfd_signal", "eventfds.cpp:EventFdPoll", event_out,
          NOTIFY_LAB_SEND_EVENTFD, event_poll_end),
    sends("eventfd, epoll", "eventfd_signal", "eventfds.cpp:EventFdEpoll", event_out,
          NOTIFY_LAB_SEND_EVENTFD, event_epoll_end),
    sends("eventfd, io_uring", "eventfd_signal",
          "io_uring.cpp:EventFdUring io_uring.cpp:IoUring io_uring.cpp:RingMemory", event_out,
          NOTIFY_LAB_SEND_EVENTFD, event_uring_end),
    from_interrupt("eventfd, from hard irq", "eventfd_signal in a timer's interrupt",
                   "eventfds.cpp:EventFdRead", event_out, NOTIFY_LAB_SEND_EVENTFD, event_end),
    sends("pipe", "kernel_write", "pipes_and_fifos.cpp:Pipe", wire_out, NOTIFY_LAB_SEND_PIPE,
          pipe_end),
    sends("FIFO", "kernel_write", "pipes_and_fifos.cpp:Fifo", wire_out, NOTIFY_LAB_SEND_PIPE,
          fifo_end),
    sends("AF_UNIX datagram", "kernel_sendmsg", "sockets.cpp:UnixPair", socket_out,
          NOTIFY_LAB_SEND_UNIX_DGRAM, datagram_end),
    sends("AF_UNIX stream", "kernel_sendmsg", "sockets.cpp:UnixPair", socket_out,
          NOTIFY_LAB_SEND_UNIX_STREAM, stream_end),
    sends("AF_INET UDP", "kernel_sendmsg", "sockets.cpp:Udp", socket_out, NOTIFY_LAB_SEND_UDP,
          udp_end, {.may_lose = true}),
    sends("AF_INET TCP", "kernel_sendmsg", "sockets.cpp:Tcp", socket_out, NOTIFY_LAB_SEND_TCP,
          tcp_end),
    sends("generic netlink unicast", "genlmsg_unicast", netlink_user, netlink_out,
          NOTIFY_LAB_SEND_GENL_UNICAST, generic_unicast, {.may_lose = true}),
    sends("generic netlink multicast", "genlmsg_multicast", multicast_user, multicast_out,
          NOTIFY_LAB_SEND_GENL_MULTICAST, generic_multicast, {.may_lose = true}),
    sends("device, read", "wake_up of its own wait queue", "lab_device.cpp:DeviceRead", device_out,
          NOTIFY_LAB_SEND_DEVICE, device_read),
    sends("device, poll", "wake_up of its own wait queue",
          "lab_device.cpp:DevicePoll lab_device.cpp:DeviceRead", device_poll_out,
          NOTIFY_LAB_SEND_DEVICE, device_poll),
    from_interrupt("device, from hard irq", "wake_up in a timer's interrupt",
                   "lab_device.cpp:DeviceRead", device_out, NOTIFY_LAB_SEND_DEVICE, device_read),
    sends("device, SIGIO", "kill_fasync", "lab_device.cpp:DeviceSignal",
          "send.c:send_fasync file.c:lab_fasync", NOTIFY_LAB_SEND_FASYNC, device_signal,
          {.may_lose = true}),
    sends("signal, queued", "send_sig_info", "signals.cpp:QueuedSignal", "send.c:send_signal",
          NOTIFY_LAB_SEND_SIGNAL, signal_end),
    sends("mapped page, spin", "a word that the user looks at", "lab_device.cpp:PageFromKernel",
          "file.c:lab_mmap record.c:lab_sending", NOTIFY_LAB_SEND_PAGE, page_from_kernel,
          {.spins = true}),

    // user -> kernel
    receives("ioctl", "the call itself", "lab_device.cpp:PlainIoctl", "command.c:do_notify",
             NOTIFY_LAB_RECEIVE_IOCTL, plain_ioctl, {.in_call = true}),
    receives("write to the device", "the call itself", "lab_device.cpp:PlainWrite",
             "file.c:lab_write", NOTIFY_LAB_RECEIVE_WRITE, plain_write, {.in_call = true}),
    receives("eventfd, thread reads", "kernel_read", "eventfds.cpp:EventFdRead", event_read,
             NOTIFY_LAB_RECEIVE_EVENTFD_READ, event_end),
    receives("eventfd, thread polls", "vfs_poll, and a sleep", "eventfds.cpp:EventFdRead",
             event_poll, NOTIFY_LAB_RECEIVE_EVENTFD_POLL, event_end),
    receives("eventfd, callback", "a function in its wait queue", "eventfds.cpp:EventFdRead",
             event_callback, NOTIFY_LAB_RECEIVE_EVENTFD_CALLBACK, event_end, {.in_call = true}),
    receives("pipe", "kernel_read", "pipes_and_fifos.cpp:Pipe", wire_in, NOTIFY_LAB_RECEIVE_PIPE,
             pipe_end),
    receives("FIFO", "kernel_read", "pipes_and_fifos.cpp:Fifo", wire_in, NOTIFY_LAB_RECEIVE_PIPE,
             fifo_end),
    receives("AF_UNIX datagram", "kernel_recvmsg", "sockets.cpp:UnixPair", socket_in,
             NOTIFY_LAB_RECEIVE_UNIX_DGRAM, datagram_end),
    receives("AF_UNIX stream", "kernel_recvmsg", "sockets.cpp:UnixPair", socket_in,
             NOTIFY_LAB_RECEIVE_UNIX_STREAM, stream_end),
    receives("AF_INET UDP", "kernel_recvmsg", "sockets.cpp:Udp", socket_in, NOTIFY_LAB_RECEIVE_UDP,
             udp_end, {.may_lose = true}),
    receives("AF_INET TCP", "kernel_recvmsg", "sockets.cpp:Tcp", socket_in, NOTIFY_LAB_RECEIVE_TCP,
             tcp_end),
    receives("generic netlink", "doit", netlink_user, netlink_in, NOTIFY_LAB_RECEIVE_GENL,
             generic_unicast, {.in_call = true}),
    receives("mapped page, spin", "a word that the thread looks at", "lab_device.cpp:PageToKernel",
             "receive.c:rung receive.c:take_page file.c:lab_mmap", NOTIFY_LAB_RECEIVE_PAGE,
             page_to_kernel, {.spins = true}),

    // user -> kernel thread -> user
    answers("eventfd and eventfd", "read both ways", "eventfds.cpp:EventFdRead",
            "send.c:send_eventfd receive.c:take_eventfd wire.c:check_eventfd wire.c:lab_wire_read",
            NOTIFY_LAB_SEND_EVENTFD, event_end, NOTIFY_LAB_RECEIVE_EVENTFD_READ, event_end),
    answers("ioctl and eventfd", "as the note does it",
            "lab_device.cpp:PlainIoctl eventfds.cpp:EventFdRead",
            "command.c:do_notify receive.c:await send.c:send_eventfd wire.c:check_eventfd",
            NOTIFY_LAB_SEND_EVENTFD, event_end, NOTIFY_LAB_RECEIVE_IOCTL, plain_ioctl),
    answers("pipe and pipe", "kernel_read and kernel_write", "pipes_and_fifos.cpp:Pipe",
            "receive.c:take_bytes send.c:send_bytes wire.c:lab_wire_read wire.c:lab_wire_write "
            "wire.c:check_pipe",
            NOTIFY_LAB_SEND_PIPE, pipe_end, NOTIFY_LAB_RECEIVE_PIPE, pipe_end),
    answers("AF_UNIX both ways", "datagrams", "sockets.cpp:UnixPair",
            "receive.c:take_bytes send.c:send_bytes wire.c:lab_wire_read wire.c:lab_wire_write "
            "wire.c:receive_message wire.c:send_message wire.c:check_socket",
            NOTIFY_LAB_SEND_UNIX_DGRAM, datagram_end, NOTIFY_LAB_RECEIVE_UNIX_DGRAM, datagram_end),
    answers("TCP both ways", "bytes", "sockets.cpp:Tcp",
            "receive.c:take_bytes send.c:send_bytes wire.c:lab_wire_read wire.c:lab_wire_write "
            "wire.c:receive_message wire.c:send_message wire.c:check_socket",
            NOTIFY_LAB_SEND_TCP, tcp_end, NOTIFY_LAB_RECEIVE_TCP, tcp_end),
    answers("netlink both ways", "doit, thread, genlmsg_unicast", netlink_user,
            "genl.c:do_notify genl.c:pass genl.c:operations genl.c:policy genl.c:family "
            "receive.c:await genl.c:lab_genl_unicast genl.c:message genl.c:put_attributes",
            NOTIFY_LAB_SEND_GENL_UNICAST, generic_unicast, NOTIFY_LAB_RECEIVE_GENL,
            generic_unicast),
    answers(
        "write and read", "the device's own calls",
        "lab_device.cpp:PlainWrite lab_device.cpp:DeviceRead",
        "file.c:lab_write receive.c:await send.c:send_device file.c:lab_read file.c:take_unread",
        NOTIFY_LAB_SEND_DEVICE, device_read, NOTIFY_LAB_RECEIVE_WRITE, plain_write),
};

// None of these functions has a line in Module.symvers of Linux 6.1 or 6.12.
constexpr UnavailableMechanism unavailable_rows[] = {
    {"System V message queue", "ipc/msg.c", "do_msgsnd, do_msgrcv",
     "static; the text is a user pointer"},
    {"POSIX message queue", "ipc/mqueue.c", "do_mq_timedsend, do_mq_timedreceive",
     "static; mqueue_file_operations has no write, and its read returns the state"},
    {"System V semaphore", "ipc/sem.c", "__do_semtimedop",
     "not exported; do_semtimedop, its caller, is static"},
    {"POSIX semaphore", "kernel/futex/waitwake.c", "futex_wake, futex_wait",
     "a word in user memory and a futex, which is not exported"},
    {"shared memory, futex", "kernel/futex/waitwake.c", "futex_wake, futex_wait",
     "not exported; the word is a user address of the caller"},
    {"System V shared memory", "ipc/shm.c", "do_shmat",
     "not exported; it maps into a process, of which a kernel thread has none"},
    {"io_uring", "io_uring/io_uring.c", "io_post_aux_cqe",
     "not exported; io_uring_cmd_done is, but only ends a command that the user began"},
};

}  // namespace

std::string_view direction_of(const LabMechanism& mechanism) noexcept {
  if (mechanism.from_kernel && mechanism.to_kernel) return round_trip;
  return mechanism.from_kernel ? kernel_to_user : user_to_kernel;
}

std::span<const LabMechanism> with_kernel() {
  return lab_rows;
}

std::span<const UnavailableMechanism> unavailable_with_kernel() {
  return unavailable_rows;
}

}  // namespace bell::compare
