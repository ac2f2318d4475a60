/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The yardstick of interrupts.hpp: a bare machine (bare_vm.h) whose guest, the
 * monitor, takes what plain system calls raise. One thread at a time.
 */
#ifndef BELLWIRE_BENCH_BARE_INTERRUPTS_H
#define BELLWIRE_BENCH_BARE_INTERRUPTS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bare_interrupts;

/* A message by GSI, and an edge input of the I/O APIC. */
struct bare_lines {
	uint32_t message_gsi;
	uint8_t message_vector;
	uint8_t pin, pin_vector;
};

/* NULL: errno tells why. */
struct bare_interrupts *bare_interrupts_create(const struct bare_lines *lines);
void bare_interrupts_destroy(struct bare_interrupts *interrupts); /* or NULL */

/* Ways to raise one. 0, or -1: errno tells why. */
typedef int bare_raise(const struct bare_interrupts *interrupts);
bare_raise bare_raise_nothing; /* writes an eventfd that leads nowhere */
bare_raise bare_raise_irqfd;
bare_raise bare_raise_signal_msi;
bare_raise bare_raise_irq_line; /* up and down */

/*
 * Raises one `times` times, and lets the guest take each before the next if it
 * `arrives`; how many ticks of the TSC each raise took goes to `ticks`.
 * 0, or -1: errno tells why. ETIMEDOUT: one did not arrive.
 */
int bare_interrupts_raise(struct bare_interrupts *interrupts, bare_raise *raise, bool arrives,
			  unsigned int times, uint64_t *ticks);

#ifdef __cplusplus
}
#endif
#endif
