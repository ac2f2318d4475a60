// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/rules/rule.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace bellwire::rules {
namespace {

constexpr std::array table{
    Explanation{1, "An eventfd with the count 7 is read into 4 bytes, and then into 16.",
                "The count is a 64-bit number. A buffer that can't hold it is refused before "
                "anything is taken; a longer one gets its first 8 bytes filled.",
                "eventfd(2), read; fs/eventfd.c, eventfd_read()."},
    Explanation{2, "1 is written as 4, 8 and 16 bytes.",
                "A write carries one 64-bit number, which is added to the count. Older kernels "
                "took the first 8 bytes of a longer write and ignored the rest.",
                "eventfd(2), write; fs/eventfd.c, eventfd_write()."},
    Explanation{3, "2^64 - 1 is written, and the eventfd polled.",
                "The count 2^64 - 1 marks an overflow, which only the kernel's own signal can "
                "cause. So no writer may add that much.",
                "eventfd(2), write; fs/eventfd.c, eventfd_write()."},
    Explanation{4, "A nonblocking eventfd is filled up; then 1 is added, and 0.",
                "The count stays below 2^64 - 1. A writer that would pass it sleeps until somebody "
                "reads, if the eventfd blocks: so ring nonblocking ones, or a reader that never "
                "reads can stop you. 0 always fits.",
                "eventfd(2), write; fs/eventfd.c, eventfd_write()."},
    Explanation{
        5, "2 is added to a counter and to a semaphore, and both are read until nothing is left.",
        "A counter gives all rings since the last read as one number: rings merge, but their "
        "number is kept. A semaphore hands them out one at a time, for several readers.",
        "eventfd(2), EFD_SEMAPHORE; fs/eventfd.c, eventfd_ctx_do_read()."},
    Explanation{
        6, "An eventfd is polled at the counts 0, 1 and 2^64 - 2, and then read.",
        "Poll only asks whether a read or a write would sleep. It takes nothing, so whoever is "
        "woken by poll must read as well; if nobody reads, each later poll returns at once.",
        "eventfd(2), poll; fs/eventfd.c, eventfd_poll()."},
    Explanation{
        9,
        "An ioeventfd is assigned and its descriptor closed; then the guest writes to its address.",
        "KVM keeps a reference to the eventfd itself, not to the descriptor. To close a descriptor "
        "switches no doorbell off; only to deassign it does.",
        "virt/kvm/eventfd.c, kvm_assign_ioeventfd_idx(), which takes the reference by "
        "eventfd_ctx_fdget()."},
    Explanation{10, "42 is added, and /proc/PID/fdinfo read.",
                "fdinfo shows the count and takes nothing. So a debugger, or `bellwire top`, sees "
                "which eventfds were rung and not looked at.",
                "proc_pid_fdinfo(5); fs/eventfd.c, eventfd_show_fdinfo()."},
    Explanation{
        11, "An eventfd in an edge-triggered epoll gets 1, 1, 0, nothing, and, after a read, 0.",
        "Each write wakes those who wait, and epoll reports a wake-up that finds the count above "
        "0. Nobody has to read in between. So an edge-triggered server misses nothing if it looks "
        "at all of its work after each report.",
        "epoll(7), edge-triggered; fs/eventfd.c, eventfd_write()."},
    Explanation{15,
                "Ioeventfds are assigned with a length of 3 and of 16, an address that wraps, and "
                "an unknown flag.",
                "An ioeventfd stands for one access by a CPU: 1, 2, 4 or 8 bytes, or 0 for any. "
                "What KVM doesn't know it refuses, so that later kernels can give it a meaning.",
                "Documentation/virt/kvm/api.rst, 4.59 KVM_IOEVENTFD; virt/kvm/eventfd.c, "
                "kvm_assign_ioeventfd()."},
    Explanation{16,
                "Ioeventfds are assigned for any length but with matched data, with a pipe, and "
                "with a closed descriptor.",
                "Data of unknown length can't be compared. The descriptor is looked up at once, so "
                "it must be an open eventfd at that moment; later it may be closed (rule 9).",
                "Documentation/virt/kvm/api.rst, 4.59 KVM_IOEVENTFD; virt/kvm/eventfd.c, "
                "kvm_assign_ioeventfd()."},
    Explanation{17,
                "The guest writes to ioeventfds of 4 bytes, of any length, and with matched data.",
                "A driver that writes 2 bytes to a doorbell of 4 rings nobody: the write goes to "
                "user space, as any other register's. All 64 bits of matched data count.",
                "virt/kvm/eventfd.c, ioeventfd_in_range()."},
    Explanation{
        18, "The guest writes 1, 2, 4 and 8 bytes to memory where no ioeventfd is, and to a port.",
        "What no device in the kernel claims ends KVM_RUN with KVM_EXIT_MMIO or KVM_EXIT_IO: user "
        "space emulates it, with the value at hand. An ioeventfd saves this exit, and loses the "
        "value (rule 24).",
        "Documentation/virt/kvm/api.rst, 5. The kvm_run structure."},
    Explanation{19, "The guest reads where ioeventfds are.",
                "An ioeventfd has no value to give. The read goes to user space and takes no "
                "count, so a doorbell and a register that can be read may share an address.",
                "virt/kvm/eventfd.c: ioeventfd_ops has no read."},
    Explanation{20, "Pairs of ioeventfds are assigned at one address.",
                "If one write could hit two entries, it would be a matter of order which eventfd "
                "is rung. So KVM refuses the second, even with the same eventfd.",
                "virt/kvm/eventfd.c, ioeventfd_check_collision()."},
    Explanation{
        21,
        "Ioeventfds of all lengths at one address, one that overlaps, and one at a port of the "
        "same number are assigned, and each is hit.",
        "Each is another access, so none is in doubt. But KVM finds entries by a binary search "
        "that takes an overlap for equality: among overlapping ones a hit may be missed.",
        "virt/kvm/kvm_main.c, kvm_io_bus_get_first_dev()."},
    Explanation{22, "Three ioeventfds at one address match 0, 1 and 2; the guest writes 1.",
                "So one register is the doorbell of many queues: the driver writes the queue's "
                "number, and KVM rings that queue's eventfd.",
                "virt/kvm/eventfd.c, ioeventfd_in_range()."},
    Explanation{23,
                "An ioeventfd is deassigned with one word wrong at a time, then with all words "
                "right, then again.",
                "An entry has no name of its own, so all that makes it different from others must "
                "be said again. Keep those words, and the descriptor, until then.",
                "Documentation/virt/kvm/api.rst, 4.59 KVM_IOEVENTFD; virt/kvm/eventfd.c, "
                "kvm_deassign_ioeventfd_idx()."},
    Explanation{24, "The guest writes 9, 0 and 77.",
                "Each write adds 1, whatever was written. A doorbell says that there is work, not "
                "which: the ring in shared memory says that.",
                "virt/kvm/eventfd.c, ioeventfd_write()."},
    Explanation{
        25,
        "The descriptor of an ioeventfd is closed. Then another is assigned at its place, and the "
        "first deassigned by its old number.",
        "The entry keeps the eventfd, not the number. A VMM that closes before it deassigns leaves "
        "a dead entry that blocks the address until the VM ends.",
        "virt/kvm/eventfd.c, kvm_deassign_ioeventfd_idx(), which looks the descriptor up first."},
    Explanation{26,
                "3,000 ioeventfds are assigned to a machine without irqchip; the guest writes to "
                "the last one and behind it.",
                "The limit of 1,000 devices of a bus does not count ioeventfds; what bounds them "
                "is the number of descriptors. They need no interrupt controller.",
                "virt/kvm/kvm_main.c, kvm_io_bus_register_dev()."},
    Explanation{
        27, "An irqfd is assigned to a machine without in-kernel irqchip.",
        "An irqfd injects through the interrupt controller in the kernel. Without one, only user "
        "space could inject.",
        "Documentation/virt/kvm/api.rst, 4.75 KVM_IRQFD; virt/kvm/eventfd.c, kvm_irqfd_assign()."},
    Explanation{28, "Irqfds are assigned with unknown flags.",
                "What KVM doesn't know it refuses, so that later kernels can give it a meaning.",
                "virt/kvm/eventfd.c, kvm_irqfd()."},
    Explanation{
        29,
        "One eventfd is assigned twice, with another GSI, and to another machine; another eventfd "
        "gets the same GSI.",
        "An irqfd takes the count of its eventfd: two of them would each get a part of the "
        "signals. Recent kernels see that across machines, too. A GSI may have many sources.",
        "virt/kvm/eventfd.c, kvm_irqfd_assign()."},
    Explanation{
        30,
        "An irqfd is deassigned with a wrong GSI, a wrong eventfd, and with both right, and "
        "signalled in between.",
        "Afterwards this eventfd injects nothing, which is also true when there was no such irqfd. "
        "The call returns when no injection is under way, so what belongs to the interrupt can go.",
        "Documentation/virt/kvm/api.rst, 4.75 KVM_IRQFD; virt/kvm/eventfd.c, "
        "kvm_irqfd_deassign()."},
    Explanation{
        31, "Irqfds on a counter and on a semaphore are signalled by 3 and by 5.",
        "An irqfd reads as anybody does: it takes the whole count, or 1 of a semaphore. Signals "
        "that come together are one interrupt, so a driver must look for all completions at each.",
        "virt/kvm/eventfd.c, irqfd_wakeup(); fs/eventfd.c, eventfd_ctx_do_read()."},
    Explanation{
        32, "An eventfd has the count 4 when it is assigned; another one is deassigned then.",
        "A device may raise before the VMM has connected it. So KVM looks once, and no interrupt "
        "is lost. It looks without taking: the count goes at the next signal, or at deassign.",
        "virt/kvm/eventfd.c, kvm_irqfd_assign(), irqfd_shutdown()."},
    Explanation{33,
                "An irqfd with a message and one with a pin are signalled; the guest acknowledges.",
                "A message is sent within the eventfd's own wake-up, by whoever signals. A pin "
                "needs locks that may sleep, so a work item raises and lowers it: an edge.",
                "virt/kvm/eventfd.c, irqfd_wakeup(), irqfd_inject()."},
    Explanation{
        34,
        "Two irqfds with resample eventfds share a pin. Both are signalled, the guest "
        "acknowledges, and one is signalled again.",
        "A level-triggered line stays up while a device wants attention. KVM lowers it at the "
        "guest's EOI and tells each source by its resample eventfd; one that still wants attention "
        "signals again. A resample that is missed leaves the line down for ever.",
        "Documentation/virt/kvm/api.rst, 4.75 KVM_IRQFD, KVM_IRQFD_FLAG_RESAMPLE; "
        "virt/kvm/eventfd.c, irqfd_resampler_ack()."},
    Explanation{35, "One of two irqfds of a pin loses its eventfd; then a fresh one is assigned.",
                "The last close wakes those who wait with HUP, and KVM takes the irqfd off in the "
                "background: unlike an ioeventfd (rule 25), it needs no deassign.",
                "virt/kvm/eventfd.c, irqfd_wakeup(), irqfd_shutdown()."},
    Explanation{36,
                "Irqfds are assigned to GSI 4096 and 2^32 - 1; then a route of GSI 4096 is set.",
                "An irqfd may come before its route, and without a route it injects nothing. Only "
                "the table of routes has a limit, so whoever gives GSIs to others must check them.",
                "Documentation/virt/kvm/api.rst, 4.52 KVM_SET_GSI_ROUTING; virt/kvm/irqchip.c, "
                "kvm_set_irq_routing()."},
    Explanation{
        37, "An irqfd is signalled with a route, with another one, and with none.",
        "The guest aims MSI-X vectors anew while its devices raise them. KVM gives irqfds that are "
        "assigned the new route, so nothing has to be taken off, and no signal falls in between.",
        "Documentation/virt/kvm/api.rst, 4.52 KVM_SET_GSI_ROUTING; virt/kvm/eventfd.c, "
        "kvm_irq_routing_update()."},
    Explanation{38, "A vector is masked, raised three times, unmasked, and raised once more.",
                "A masked vector has one pending bit, and a bit can't count: what comes meanwhile "
                "is one interrupt. While it is masked the VMM takes the irqfd off, the count "
                "gathers in the eventfd, and rule 32 injects it at the unmask.",
                "PCI Express Base Specification, 6.1.4 MSI and MSI-X, masking and pending bits."},
    Explanation{39, "A masked vector is raised, and the guest reads its pending bit.",
                "The count in the eventfd is the pending bit. To see it the VMM takes it, so from "
                "then on it must remember the bit, until the unmask.",
                "PCI Express Base Specification, 6.1.4; QEMU, msix_set_vector_notifiers(), its "
                "poll notifier."},
    Explanation{40, "A vector is aimed at another message, unmasked and while it is masked.",
                "The guest writes the message's address and data to the MSI-X table. The VMM gives "
                "the vector's GSI another route (rule 37), and the device never learns.",
                "PCI Express Base Specification, 6.1.4 and the MSI-X table's structure."},
};

}  // namespace

std::span<const Explanation> explanations() noexcept {
  return table;
}

const Explanation& explanation_of(const Rule& rule) {
  const auto found = std::ranges::find(table, rule.number, &Explanation::rule);
  if (found == table.end()) throw std::out_of_range("a rule without explanation");
  return *found;
}

}  // namespace bellwire::rules
