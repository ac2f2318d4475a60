// SPDX-License-Identifier: BSD-3-Clause
//
// Of none of these functions the Module.symvers of Linux 6.1 and 6.12 has a line.
#include "guest-kmod/bell/compare/absence.hpp"

namespace bell::compare {
namespace {

constexpr Absence absence_rows[] = {
    {"System V message queue", "ipc/msg.c", "do_msgsnd, do_msgrcv",
     "static; the text is a user pointer"},
    {"POSIX message queue", "ipc/mqueue.c", "do_mq_timedsend, do_mq_timedreceive",
     "static; mqueue_file_operations has no write, and its read tells the state"},
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

std::span<const Absence> absences() {
  return absence_rows;
}

}  // namespace bell::compare
