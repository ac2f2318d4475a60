/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring_lab.h"

uint32_t lab_publish(struct ring* ring, const struct item* items, uint32_t n) {
  uint32_t posted = atomic_load_explicit(&ring->posted, memory_order_relaxed);
  uint32_t taken = atomic_load_explicit(&ring->taken, memory_order_acquire);
  uint32_t room = ring_size - (posted - taken);

  if (n > room) n = room;
  for (uint32_t i = 0; i < n; i++) ring->entries[(posted + i) % ring_size] = items[i];
  atomic_store_explicit(&ring->posted, posted + n, memory_order_release);
  return n;
}

uint32_t lab_take(struct ring* ring, struct item* items, uint32_t n) {
  uint32_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
  uint32_t posted = atomic_load_explicit(&ring->posted, memory_order_acquire);

  if (n > posted - taken) n = posted - taken;
  for (uint32_t i = 0; i < n; i++) items[i] = ring->entries[(taken + i) % ring_size];
  atomic_store_explicit(&ring->taken, taken + n, memory_order_release);
  return n;
}

int lab_need_doorbell(uint32_t event, uint32_t now, uint32_t before) {
  return now - event - 1 < now - before;
}

uint32_t lab_send(struct ring* ring, const struct item* items, uint32_t n, int doorbell) {
  uint32_t before = atomic_load_explicit(&ring->posted, memory_order_relaxed);
  uint32_t sent = lab_publish(ring, items, n);

  atomic_thread_fence(memory_order_seq_cst);
  uint32_t event = atomic_load_explicit(&ring->event, memory_order_relaxed);
  if (lab_need_doorbell(event, before + sent, before)) doorbell_ring(doorbell);
  return sent;
}

uint32_t lab_receive(struct ring* ring, struct item* items, uint32_t n, int doorbell) {
  uint32_t taken;

  while ((taken = lab_take(ring, items, n)) == 0) {
    uint32_t next = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    atomic_store_explicit(&ring->event, next, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&ring->posted, memory_order_relaxed) == next) doorbell_sleep(doorbell);
  }
  return taken;
}
