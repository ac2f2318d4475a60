// SPDX-License-Identifier: BSD-3-Clause
#include "host/sandbox/sandbox.hpp"

#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <initializer_list>
#include <memory>
#include <span>
#include <utility>

namespace bellwire::host {
namespace {

// Whatever their arguments are.
constexpr int always[] = {
    // descriptors and files
    SCMP_SYS(access),
    SCMP_SYS(chmod),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(copy_file_range),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(fallocate),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(fchown),
    SCMP_SYS(fcntl),
    SCMP_SYS(fdatasync),
    SCMP_SYS(flock),
    SCMP_SYS(fstat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(fsync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(lseek),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(preadv2),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(pwritev2),
    SCMP_SYS(read),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(readv),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(splice),
    SCMP_SYS(stat),
    SCMP_SYS(statfs),
    SCMP_SYS(statx),
    SCMP_SYS(sync_file_range),
    SCMP_SYS(tee),
    SCMP_SYS(umask),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(vmsplice),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    // the disk's way to its file
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(io_uring_setup),
    // an eventfd that a peer has is rung by the kernel
    SCMP_SYS(io_cancel),
    SCMP_SYS(io_destroy),
    SCMP_SYS(io_getevents),
    SCMP_SYS(io_pgetevents),
    SCMP_SYS(io_setup),
    SCMP_SYS(io_submit),
    // waiting, time, signals to itself
    SCMP_SYS(alarm),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(epoll_create),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(futex),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(nanosleep),
    SCMP_SYS(pause),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pselect6),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigsuspend),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(select),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(timer_create),
    SCMP_SYS(timer_delete),
    SCMP_SYS(timer_getoverrun),
    SCMP_SYS(timer_gettime),
    SCMP_SYS(timer_settime),
    SCMP_SYS(signalfd4),
    SCMP_SYS(time),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(timerfd_settime),
    // memory
    SCMP_SYS(brk),
    SCMP_SYS(get_mempolicy),
    SCMP_SYS(madvise),
    SCMP_SYS(membarrier),
    SCMP_SYS(memfd_create),
    SCMP_SYS(mincore),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(mremap),
    SCMP_SYS(msync),
    SCMP_SYS(munlock),
    SCMP_SYS(munmap),
    // threads
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(getcpu),
    SCMP_SYS(getpriority),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(set_tid_address),
    // unix sockets: what opens one is below
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(bind),
    SCMP_SYS(connect),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(listen),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    // who and where it is
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getresgid),
    SCMP_SYS(getresuid),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
};

// Of a terminal (slow motion reads keys), of sockets and eventfds, of a disk that is a device.
constexpr unsigned long requests[] = {
    TCGETS,   TCSETS,     TCSETSW,          TCSETSF,    TIOCGWINSZ, TIOCGPGRP, FIONBIO,
    FIONREAD, FIOCLEX,    BLKGETSIZE64,     BLKSSZGET,  BLKPBSZGET, BLKIOMIN,  BLKIOOPT,
    BLKROGET, BLKDISCARD, BLKDISCARDZEROES, BLKZEROOUT, BLKFLSBUF,
};
constexpr unsigned long requests_of_taps[] = {
    TUNSETIFF,    TUNGETIFF,    TUNSETOFFLOAD, TUNSETVNETHDRSZ, TUNGETFEATURES, TUNSETPERSIST,
    SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCGIFMTU,    SIOCSIFMTU,      SIOCGIFHWADDR,  SIOCGIFINDEX,
};
// All of KVM's have this type: <linux/kvm.h>, <asm-generic/ioctl.h>.
constexpr unsigned long type_of_kvm = KVMIO << _IOC_TYPESHIFT;
constexpr unsigned long type_of_request = _IOC_TYPEMASK << _IOC_TYPESHIFT;
constexpr unsigned long whole_request = 0xFFFF'FFFF;

// The rules of a filter that is not loaded yet; the first error stays.
class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_KILL_PROCESS), &::seccomp_release) {}

  void allow(int call, std::initializer_list<scmp_arg_cmp> all_of = {}) {
    add(SCMP_ACT_ALLOW, call, all_of);
  }
  void refuse(int call, int error) { add(SCMP_ACT_ERRNO(static_cast<unsigned>(error)), call, {}); }
  /// A negative number of an error, or 0.
  [[nodiscard]] int load() {
    if (context_ == nullptr) return -ENOMEM;
    set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // as a tree: the calls are many
    set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    return error_ != 0 ? error_ : ::seccomp_load(context_.get());
  }

 private:
  void add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> all_of) {
    if (context_ != nullptr && error_ == 0)
      error_ = ::seccomp_rule_add_array(context_.get(), action, call,
                                        static_cast<unsigned>(all_of.size()), all_of.begin());
  }

  void set(scmp_filter_attr attribute, std::uint32_t value) {
    if (error_ == 0) error_ = ::seccomp_attr_set(context_.get(), attribute, value);
  }

  std::unique_ptr<void, decltype(&::seccomp_release)> context_;
  int error_ = 0;
};

scmp_arg_cmp equals(unsigned argument, unsigned long value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}

scmp_arg_cmp has(unsigned argument, unsigned long mask, unsigned long value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

void allow_requests(Filter& filter, std::span<const unsigned long> numbers) {
  for (const auto number : numbers) filter.allow(SCMP_SYS(ioctl), {has(1, whole_request, number)});
}

// Threads, but no processes. The flags of clone3 are in memory, which a filter can't see; without
// it, the C library takes clone.
void allow_threads(Filter& filter) {
  filter.allow(SCMP_SYS(clone), {has(0, CLONE_THREAD, CLONE_THREAD)});
  filter.refuse(SCMP_SYS(clone3), ENOSYS);
}

void allow_memory(Filter& filter) {
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
    filter.allow(call, {has(2, PROT_EXEC, 0)});
}

// Its own end: a fault's `crash`, abort(). Its own names, and its own limit of descriptors.
void allow_itself(Filter& filter) {
  const auto self = static_cast<unsigned long>(::getpid());
  filter.allow(SCMP_SYS(kill), {equals(0, self)});
  filter.allow(SCMP_SYS(tgkill), {equals(0, self)});
  for (const unsigned long pid : {0UL, self}) filter.allow(SCMP_SYS(prlimit64), {equals(0, pid)});
  filter.allow(SCMP_SYS(setrlimit));
  for (const int what : {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_GET_DUMPABLE, PR_SET_TIMERSLACK,
                         PR_GET_TIMERSLACK})
    filter.allow(SCMP_SYS(prctl), {equals(0, static_cast<unsigned long>(what))});
}

void allow_sockets(Filter& filter, bool network) {
  filter.allow(SCMP_SYS(socket), {equals(0, AF_UNIX)});
  filter.allow(SCMP_SYS(socketpair), {equals(0, AF_UNIX)});
  if (!network) return;
  filter.allow(SCMP_SYS(socket), {equals(0, AF_INET)});  // by which a tap's flags are set
  allow_requests(filter, requests_of_taps);
}

}  // namespace

Result<void> filter_system_calls(const SandboxNeeds& needs) {
  Filter filter;
  for (const int call : always) filter.allow(call);
  allow_requests(filter, requests);
  if (needs.kvm) filter.allow(SCMP_SYS(ioctl), {has(1, type_of_request, type_of_kvm)});
  allow_threads(filter);
  allow_memory(filter);
  allow_itself(filter);
  allow_sockets(filter, needs.network);
  const int error = filter.load();
  if (error == 0) return {};
  errno = -error;
  return system_fault("no filter of system calls");
}

}  // namespace bellwire::host
