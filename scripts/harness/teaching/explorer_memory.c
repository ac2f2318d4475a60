// SPDX-License-Identifier: BSD-3-Clause
//
// The memory of the explorer. Each atomic object has its stores in order; each thread has a view:
// of each object the newest store that it knows, and of each thread how much of its past it knows.
// A release store carries the thread's view, an acquire load that returns it takes the view over.
// seq_cst fences and accesses exchange what they know through one view that all of them share.
#include <string.h>

#include "explorer.h"

enum { most_objects = 16, most_stores = 128, most_cells = 256, cell = 4 };
enum kind { plain_read, plain_write, atomic_read, atomic_write, kinds };

struct view {
  uint32_t past[explorer_threads];
  uint16_t known[most_objects];
};

struct store {
  uint64_t value;
  struct view view;
};

struct object {
  const volatile void* place;
  int stores;
  struct store store[most_stores];
};

static struct object objects[most_objects];
static int object_count;
static struct view now[explorer_threads];       // what the thread knows
static struct view acquired[explorer_threads];  // what an acquire fence would add
static struct view released[explorer_threads];  // what its last release fence knew
static struct view agreed;                      // of seq_cst
static struct view carried[explorer_doorbells];
static uint32_t cells[most_cells][kinds][explorer_threads];  // when each thread did it last
static bool races_are_wrong;

static bool acquires(int order) {
  return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME || order == __ATOMIC_ACQ_REL ||
         order == __ATOMIC_SEQ_CST;
}

static bool releases(int order) {
  return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static void join_known(struct view* to, const struct view* from) {
  for (int i = 0; i < object_count; i++)
    if (to->known[i] < from->known[i]) to->known[i] = from->known[i];
}

static void join(struct view* to, const struct view* from) {
  join_known(to, from);
  for (int i = 0; i < explorer_threads; i++)
    if (to->past[i] < from->past[i]) to->past[i] = from->past[i];
}

void memory_start(bool races) {
  object_count = 0;
  memset(now, 0, sizeof(now));
  memset(acquired, 0, sizeof(acquired));
  memset(released, 0, sizeof(released));
  memset(carried, 0, sizeof(carried));
  memset(&agreed, 0, sizeof(agreed));
  memset(cells, 0, sizeof(cells));
  races_are_wrong = races;
}

bool memory_is_shared(const volatile void* place) {
  return (uintptr_t)place - (uintptr_t)shared_memory < shared_size;
}

static uint64_t value_at(const volatile void* place, int size) {
  uint64_t value = 0;
  memcpy(&value, (const void*)place, size);
  return value;
}

static struct object* object_at(const volatile void* place, int size) {
  for (int i = 0; i < object_count; i++)
    if (objects[i].place == place) return &objects[i];
  if (object_count == most_objects) wrong("more than %d places are used atomically", most_objects);
  struct object* made = &objects[object_count++];
  *made = (struct object){.place = place, .stores = 1};
  made->store[0].value = value_at(place, size);
  return made;
}

// Bit k: an access conflicts with an earlier one of kind k.
static const uint8_t conflicts[kinds] = {
    [plain_read] = 1 << plain_write | 1 << atomic_write,
    [plain_write] = (1 << kinds) - 1,
    [atomic_read] = 1 << plain_write,
    [atomic_write] = 1 << plain_read | 1 << plain_write,
};

static void race(const volatile void* place, enum kind kind, int other, enum kind before) {
  static const char* const verbs[kinds] = {"reads", "writes", "loads", "stores"};
  static const char* const nouns[kinds] = {"read", "write", "load", "store"};
  char name[64];
  name_place(place, name, sizeof(name));
  wrong("%s %s %s, and nothing makes sure that %s's %s of it was before", running_name(),
        verbs[kind], name, name_of_thread(other), nouns[before]);
}

static void note(const volatile void* place, size_t size, enum kind kind) {
  const int self = running();
  const size_t first = ((uintptr_t)place - (uintptr_t)shared_memory) / cell;
  now[self].past[self]++;
  for (size_t i = first; i < first + (size + cell - 1) / cell && i < most_cells; i++) {
    for (int before = 0; before < kinds && races_are_wrong; before++)
      for (int other = 0; other < explorer_threads; other++)
        if (other != self && conflicts[kind] & 1 << before &&
            cells[i][before][other] > now[self].past[other])
          race(place, kind, other, before);
    cells[i][kind][self] = now[self].past[self];
  }
}

void memory_plain(const volatile void* place, size_t size, bool writes) {
  if (!memory_is_shared(place)) return;
  tell(writes ? "writes" : "reads", place, -1, 0, 0);
  note(place, size, writes ? plain_write : plain_read);
}

static void take_over(struct object* object, int number, int order) {
  const int self = running(), index = object - objects;
  if (now[self].known[index] < number) now[self].known[index] = number;
  join(acquires(order) ? &now[self] : &acquired[self], &object->store[number].view);
}

uint64_t memory_load(const volatile void* place, int size, int order) {
  schedule();
  struct object* object = object_at(place, size);
  const int index = object - objects, newest = object->stores - 1;
  int oldest = now[running()].known[index];
  if (order == __ATOMIC_SEQ_CST && oldest < agreed.known[index]) oldest = agreed.known[index];
  const int number = newest - choose_old(newest - oldest);
  tell("loads", place, order, object->store[number].value, object->store[newest].value);
  note(place, size, atomic_read);
  take_over(object, number, order);
  return object->store[number].value;
}

static void append(struct object* object, int size, uint64_t value, int order,
                   const struct view* also) {
  const int self = running(), index = object - objects, number = object->stores;
  if (number == most_stores) wrong("%s stores the same place again and again", running_name());
  object->stores++;
  now[self].known[index] = number;
  if (order == __ATOMIC_SEQ_CST) agreed.known[index] = number;
  struct store* store = &object->store[number];
  *store = (struct store){.value = value, .view = releases(order) ? now[self] : released[self]};
  store->view.known[index] = number;
  if (also) join(&store->view, also);
  memcpy((void*)object->place, &value, size);
}

void memory_store(volatile void* place, int size, uint64_t value, int order) {
  schedule();
  struct object* object = object_at(place, size);
  tell("stores", place, order, value, value);
  note(place, size, atomic_write);
  append(object, size, value, order, NULL);
}

// A read-modify-write returns the newest value, always.
uint64_t memory_change(volatile void* place, int size, uint64_t (*change)(uint64_t, uint64_t),
                       uint64_t operand, int order) {
  schedule();
  struct object* object = object_at(place, size);
  const int newest = object->stores - 1;
  const uint64_t before = object->store[newest].value;
  const uint64_t mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;
  const uint64_t after = change(before, operand) & mask;
  tell("changes", place, order, after, after);
  note(place, size, atomic_write);
  take_over(object, newest, order);
  append(object, size, after, order, &object->store[newest].view);
  return before;
}

void memory_fence(int order) {
  schedule();
  const int self = running();
  tell("fence", NULL, order, 0, 0);
  now[self].past[self]++;
  if (acquires(order)) join(&now[self], &acquired[self]);
  if (order == __ATOMIC_SEQ_CST) {
    join_known(&now[self], &agreed);
    join_known(&agreed, &now[self]);
  }
  if (releases(order)) released[self] = now[self];
}

// The kernel orders what was before a ring before what is after the sleep that it ended.
void memory_doorbell(int doorbell, bool rings) {
  struct view* self = &now[running()];
  self->past[running()]++;
  join(rings ? &carried[doorbell] : self, rings ? self : &carried[doorbell]);
}
