/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The words that host and bench guest share, at GUEST_DATA. The guest rings
 * `count` bursts, one after another, and reports GUEST_DONE; then again.
 */
#ifndef BELLWIRE_BENCH_BENCH_GUEST_H
#define BELLWIRE_BENCH_BENCH_GUEST_H

#define BENCH_WAY 0 /* of these: */
#define BENCH_NOTHING 0
#define BENCH_MMIO 1
#define BENCH_PIO 2
#define BENCH_COUNT 4
#define BENCH_ADDRESS 8 /* of 4 bytes, where BENCH_VALUE is written */
#define BENCH_VALUE 1
#define BENCH_TICKS 16 /* that each burst took, 4 bytes each */
#define BENCH_MOST 1024
#define BENCH_BURST 16 /* rings: reading the clock may cost more than one */

#endif
