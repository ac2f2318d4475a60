/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The baselines: the same work as the suites do, in C, by plain system calls
 * and without bellwire. Each one is used by one thread at a time.
 *
 * A function that returns a pointer returns NULL if it fails, one that returns
 * an int -1; then errno has the reason. A *_destroy() takes NULL, too. Times
 * are ticks of the TSC.
 */
#ifndef BELLWIRE_BENCH_BARE_H
#define BELLWIRE_BENCH_BARE_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Adds 1 to an eventfd. */
void bare_ring(int fd);

/* What a device does with a payload. */
void bare_copy(void *to, const void *from, size_t size);
/* By the CPU's instruction, if it has one, 8 bytes at a time; `size` is a multiple of 8. */
bool bare_has_crc32c(void);
uint32_t bare_crc32c(const void *bytes, size_t size);

/*
 * bare_doorbells: the bench guest (bench_guest.h) on a bare machine (vm.h),
 * with ioeventfds by plain ioctls. The requests have no eventfd: all get the
 * same.
 */
struct bare_doorbells;
struct bare_doorbells *bare_doorbells_create(const struct kvm_ioeventfd *requests, size_t count);
void bare_doorbells_destroy(struct bare_doorbells *doorbells);

/*
 * The guest rings `bursts` times BENCH_BURST at `address`; `way` is one of
 * bench_guest.h. Puts the time of each burst in `ticks`. Returns the number of
 * exits to user space.
 */
int bare_doorbells_ring(struct bare_doorbells *doorbells, uint32_t way, uint64_t address,
			uint32_t bursts, uint32_t *ticks);

/*
 * bare_interrupts: a bare machine whose guest, the monitor, takes what plain
 * system calls raise: a message by GSI, and an edge input of the I/O APIC.
 */
struct bare_lines {
	uint32_t message_gsi;
	uint8_t message_vector;
	uint8_t pin, pin_vector;
};
struct bare_interrupts;
struct bare_interrupts *bare_interrupts_create(const struct bare_lines *lines);
void bare_interrupts_destroy(struct bare_interrupts *interrupts);

/* Ways to raise an interrupt. */
typedef int bare_raise(const struct bare_interrupts *interrupts);
bare_raise bare_raise_nothing; /* writes an eventfd that leads nowhere */
bare_raise bare_raise_irqfd;
bare_raise bare_raise_signal_msi;
bare_raise bare_raise_irq_line; /* up and down */

/*
 * Raises `times` interrupts. If it `arrives`, the guest takes each before the
 * next. Puts the time of each raise in `ticks`. ETIMEDOUT: one did not arrive.
 */
int bare_interrupts_raise(struct bare_interrupts *interrupts, bare_raise *raise, bool arrives,
			  unsigned int times, uint64_t *ticks);

/*
 * bare_round_trip: what `bellwire device echo --on kvm` does, on a bare machine
 * that has nothing of bellwire but the ring guest and the ring's layout. Its
 * device, an echo of queue 0 by guest-kmod/uapi/bellwire.h, polls an eventfd,
 * reads it, copies, and writes another. It trusts its guest. The device's
 * thread runs on `device_cpu`, or anywhere if that is negative.
 */
struct bare_round_trip;
struct bare_round_trip *bare_round_trip_create(int device_cpu);
void bare_round_trip_destroy(struct bare_round_trip *trip);

/*
 * The guest sends `requests` <= BARE_ROUND_TRIPS requests, one at a time. Puts
 * the time of each in `ticks`. Returns the number of exits of its doorbells.
 */
#define BARE_ROUND_TRIPS 4096
int bare_round_trip_run(struct bare_round_trip *trip, unsigned int requests, uint64_t *ticks);

/*
 * bare_pair: two threads and a lane of 64-byte entries in each direction, with
 * one writer and one reader, and nothing around them. The far thread copies a
 * payload and answers each request with a completion. A thread that has nothing
 * to do spins, or sleeps in epoll_wait until its eventfd is written; that is
 * written each time. The far thread runs on `far_cpu`, or anywhere if that is
 * negative.
 */
struct bare_pair;
struct bare_pair *bare_pair_create(int far_cpu, bool spins);
void bare_pair_destroy(struct bare_pair *pair);

/*
 * `batches` times `batch` requests of `bytes` <= BARE_PAYLOAD, at most `depth`
 * <= BARE_ENTRIES of them under way. A side publishes its entries when it has
 * no more, or `published` of them at the latest. Puts the time of each batch in
 * `ticks`. Returns 0.
 */
#define BARE_ENTRIES 256
#define BARE_PAYLOAD 64
struct bare_load {
	uint32_t batches, batch, depth, bytes, published;
};
int bare_pair_run(struct bare_pair *pair, const struct bare_load *load, uint64_t *ticks);

/*
 * bare_ping: eventfds alone, the least that a doorbell and an interrupt can
 * cost. A far thread waits for many doorbells, and answers each count by a
 * write of another eventfd. Both threads wait in epoll_wait and then read; or,
 * if `blocking`, with one doorbell, in read itself. The far thread runs on
 * `far_cpu`, or anywhere if that is negative.
 */
struct bare_ping;
struct bare_ping *bare_ping_create(unsigned int doorbells, int far_cpu, bool blocking);
void bare_ping_destroy(struct bare_ping *ping);

/* Rings one doorbell and waits for the answer. Returns 0. */
int bare_ping_ring(struct bare_ping *ping, unsigned int doorbell);

#ifdef __cplusplus
}
#endif
#endif
