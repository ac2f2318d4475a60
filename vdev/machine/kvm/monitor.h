/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The words that host and monitor exchange, at GUEST_DATA. The host writes a
 * command and lets the monitor run until it says GUEST_DONE.
 */
#ifndef BELLWIRE_KVM_MONITOR_H
#define BELLWIRE_KVM_MONITOR_H

/* Commands. The first four take 1, 2, 4 and 8 bytes: add 0 to 3. Ports don't have 8. */
#define MONITOR_WRITE_MMIO 0
#define MONITOR_READ_MMIO 4
#define MONITOR_WRITE_PIO 8
#define MONITOR_READ_PIO 12
#define MONITOR_BAD 15  /* an undefined instruction */
#define MONITOR_TAKE 16 /* let pending interrupts come */
#define MONITOR_ENABLE_APIC 17

/* From GUEST_DATA. */
#define MONITOR_COMMAND 0
#define MONITOR_TAKEN 4 /* interrupts since the host last zeroed it */
#define MONITOR_ADDRESS 8
#define MONITOR_VALUE 16
#define MONITOR_VECTORS 24 /* of the interrupts taken, in order, a byte each */
#define MONITOR_MAX_VECTORS 1024

#ifdef __cplusplus
#include <cstddef>
extern "C" const std::byte bellwire_monitor[];  // the program, GUEST_SIZE bytes
#endif

#endif
