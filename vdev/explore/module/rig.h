/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device with one claimed queue, as the module has it: what the explorer's
 * scenes, in C++, see of the module's code, in C. Its doorbell leads to the scene,
 * its kick and call eventfds are the kernel's (kernel.c).
 */
#ifndef BELLWIRE_EXPLORE_RIG_H
#define BELLWIRE_EXPLORE_RIG_H

#include <linux/types.h>
#ifndef __cplusplus
#include <stdbool.h>
#endif

#include "guest-kmod/uapi/bellwire.h"

#define BELL_RIG_THREADS 2 /* of the module, at once */

#ifdef __cplusplus
extern "C" {
#endif

/* For the scenes. */

/* A blank module, whose queue has that memory; no generation, no worker. */
void bell_rig_reset(struct bellwire_queue_control* control);
__u32 bell_rig_begin_generation(void);
/* Replaces the worker by a new one, as BELLWIRE_SET_KICK does. 0: none. */
void bell_rig_set_worker(__u32 kind);
/* As a process that writes 1 to the kick eventfd. */
void bell_rig_kick(void);
__u64 bell_rig_kicks_taken(void);
/* The count of the kick eventfd. */
__u64 bell_rig_kicks_left(void);
void bell_rig_ring(void);
void bell_rig_interrupt(void);
/* How often the call eventfd was signalled since it was read. */
__u64 bell_rig_calls(void);
void bell_rig_take_calls(void);
bool bell_rig_look_is_due(void);
void bell_rig_look(void);
/* An actor: a thread that the module creates. */
void bell_rig_run_thread(void);

/* For the module's code; the scenes have these (module_scene.cpp). */

void bell_explore_wait(const char* for_what, bool (*until)(const void* data), const void* data);
void bell_explore_note(const char* what, __u64 value);
/* Which of the module's threads runs, from 0 on. */
unsigned int bell_explore_thread_number(void);
void bell_explore_doorbell(void);

void bell_rig_reset_kernel(void); /* for bell_rig_reset() */

#ifdef __cplusplus
}
#endif

#endif /* BELLWIRE_EXPLORE_RIG_H */
