// SPDX-License-Identifier: BSD-3-Clause
#include "rig.h"

#include "guest-kmod/module/device.h"
#include "guest-kmod/module/worker.h"

static struct bellwire_header memory;
static struct bell_device device;
static struct bell_file owner;
static struct eventfd_ctx call;
static struct bell_queue* const queue = &device.queues[0];

static void ring_doorbell(struct bell_queue* rung, u32 peer) {
  (void)rung, (void)peer;
  bell_explore_doorbell();
}

static const struct bell_front front = {.ring = ring_doorbell};

void bell_rig_reset(struct bellwire_queue_control* control) {
  bell_rig_reset_kernel();
  memset(&memory, 0, sizeof(memory));
  memset(&device, 0, sizeof(device));
  memset(&owner, 0, sizeof(owner));
  memset(&call, 0, sizeof(call));
  device.front = &front;
  device.memory = &memory;
  device.queue_count = 1;
  queue->device = &device;
  queue->control = control;
  owner.device = &device;
  owner.call = &call;
  bell_look_init(queue);
  bell_queue_claim(&owner, queue, 0);
}

u32 bell_rig_begin_generation(void) {
  const u32 generation = bell_queue_next_generation(queue);

  bell_queue_begin(queue, generation);
  return generation;
}

void bell_rig_set_worker(u32 kind) {
  struct bell_worker* worker = kind ? bell_worker_create(queue, 0, kind) : NULL;

  bell_worker_destroy(bell_file_set_worker(&owner, worker));
}

void bell_rig_ring(void) {
  bell_queue_ring(queue);
}

void bell_rig_interrupt(void) {
  bell_queue_interrupt(queue);
}

u64 bell_rig_calls(void) {
  return call.count;
}

void bell_rig_take_calls(void) {
  u64 count;

  spin_lock(&call.waiters.lock);
  eventfd_ctx_do_read(&call, &count);
  spin_unlock(&call.waiters.lock);
}

bool bell_rig_look_is_due(void) {
  return queue->look.work.work.due;
}

void bell_rig_look(void) {
  struct work_struct* work = &queue->look.work.work;

  WRITE_ONCE(work->due, 0);
  work->function(work);
}

/* Nobody steps, nothing is recorded, and nobody watches whether the device lives. */

bool bell_gate_hold(struct bell_queue* held, const struct bell_hop* hop) {
  (void)held, (void)hop;
  return false;
}

void bell_gate_forget(struct bell_queue* forgotten) {
  (void)forgotten;
}

void bell_record_it(struct bell_queue* recorded, enum bellwire_stage stage, const u32* index) {
  (void)recorded, (void)stage, (void)index;
}

void bell_record_recovery(struct bell_queue* recorded, enum bellwire_recovery what, u32 index,
                          u64 ticks) {
  (void)recorded, (void)what, (void)index, (void)ticks;
}

void bell_watch(struct bell_device* watched) {
  (void)watched;
}
