// SPDX-License-Identifier: BSD-3-Clause
//
// What predictions.txt asks. The two threads are a and b; what they load is first and second.
#include "peers.h"

static uint32_t first, second;

static void clear(void) {
  shared.x = shared.y = 0;
  first = second = 1;
}

static void store_and_load(uint32_t* to, uint32_t* from, uint32_t* loaded, int store_order,
                           int load_order, bool fence) {
  memory_store(to, 4, 1, store_order);
  if (fence) memory_fence(__ATOMIC_SEQ_CST);
  *loaded = memory_load(from, 4, load_order);
}

static bool both_zero(void) {
  return first == 0 && second == 0;
}
static bool ready_without_data(void) {
  return first == 1 && second == 0;
}

#define CROSS(name, store_order, load_order, fence_a, fence_b)                       \
  static void name##_a(void) {                                                       \
    store_and_load(&shared.x, &shared.y, &first, store_order, load_order, fence_a);  \
  }                                                                                  \
  static void name##_b(void) {                                                       \
    store_and_load(&shared.y, &shared.x, &second, store_order, load_order, fence_b); \
  }
CROSS(relaxed, __ATOMIC_RELAXED, __ATOMIC_RELAXED, false, false)
CROSS(ordered, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE, false, false)
CROSS(seq_cst, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST, false, false)
CROSS(fences, __ATOMIC_RELAXED, __ATOMIC_RELAXED, true, true)
CROSS(one_fence, __ATOMIC_RELAXED, __ATOMIC_RELAXED, true, false)

#define PASS(name, store_order, load_order)               \
  static void name##_a(void) {                            \
    memory_store(&shared.x, 4, 1, __ATOMIC_RELAXED);      \
    memory_store(&shared.y, 4, 1, store_order);           \
  }                                                       \
  static void name##_b(void) {                            \
    first = memory_load(&shared.y, 4, load_order);        \
    second = memory_load(&shared.x, 4, __ATOMIC_RELAXED); \
  }
PASS(pass_relaxed, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
PASS(pass_ordered, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)
PASS(pass_half, __ATOMIC_RELEASE, __ATOMIC_RELAXED)

#define PREDICTION(name, question) \
  { #name, {"a", "b" }, clear, {name##_a, name##_b }, nothing, question, false }

const struct scenario litmus[] = {
    PREDICTION(relaxed, both_zero),
    PREDICTION(ordered, both_zero),
    PREDICTION(seq_cst, both_zero),
    PREDICTION(fences, both_zero),
    PREDICTION(one_fence, both_zero),
    PREDICTION(pass_relaxed, ready_without_data),
    PREDICTION(pass_ordered, ready_without_data),
    PREDICTION(pass_half, ready_without_data),
    {0},
};
