/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring_lab.h"

uint32_t lab_publish(struct ring* ring, const struct item* items, uint32_t n) {
  (void)ring;
  (void)items;
  (void)n;
  return 0; /* yours */
}

uint32_t lab_take(struct ring* ring, struct item* items, uint32_t n) {
  (void)ring;
  (void)items;
  (void)n;
  return 0; /* yours */
}

int lab_need_doorbell(uint32_t event, uint32_t now, uint32_t before) {
  (void)event;
  (void)now;
  (void)before;
  return 0; /* yours */
}

uint32_t lab_send(struct ring* ring, const struct item* items, uint32_t n, int doorbell) {
  (void)ring;
  (void)items;
  (void)n;
  (void)doorbell;
  return 0; /* yours */
}

uint32_t lab_receive(struct ring* ring, struct item* items, uint32_t n, int doorbell) {
  (void)ring;
  (void)items;
  (void)n;
  (void)doorbell;
  return 0; /* yours */
}
