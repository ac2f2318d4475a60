// SPDX-License-Identifier: BSD-3-Clause
/* The kernel's side of kernel.h: eventfds, wait queues and threads, as Linux has them. */
#include "kernel.h"
#include "rig.h"

/* What is there in a run; blank when it begins. */
static struct {
  char heap[4096];
  size_t used;
  struct task_struct tasks[BELL_RIG_THREADS];
  struct file kick;
  u64 kicks;
} all;

void bell_rig_reset_kernel(void) {
  memset(&all, 0, sizeof(all));
}

void* kzalloc(size_t size, int flags) {
  void* place = all.heap + all.used;

  (void)flags;
  all.used += (size + 15) / 16 * 16;
  return all.used <= sizeof(all.heap) ? place : NULL;
}

static bool is_free(const void* lock) {
  return !((const spinlock_t*)lock)->taken;
}

void spin_lock(spinlock_t* lock) {
  while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_SEQ_CST))
    bell_explore_wait("a lock", is_free, lock);
}

void add_wait_queue(wait_queue_head_t* head, wait_queue_entry_t* entry) {
  spin_lock(&head->lock);
  entry->next = head->first;
  WRITE_ONCE(head->first, entry);
  spin_unlock(&head->lock);
}

void remove_wait_queue(wait_queue_head_t* head, wait_queue_entry_t* entry) {
  wait_queue_entry_t* before;

  spin_lock(&head->lock);
  if (head->first == entry) {
    WRITE_ONCE(head->first, entry->next);
  } else {
    for (before = head->first; before->next != entry; before = before->next)
      ;
    before->next = entry->next;
  }
  spin_unlock(&head->lock);
}

static void wake_up_locked(wait_queue_head_t* head, __poll_t events) {
  wait_queue_entry_t* entry;

  for (entry = head->first; entry; entry = entry->next)
    entry->func(entry, 0, 0, (void*)(unsigned long)events);
}

void wake_up_poll(wait_queue_head_t* head, __poll_t events) {
  spin_lock(&head->lock);
  wake_up_locked(head, events);
  spin_unlock(&head->lock);
}

int woken_wake_function(wait_queue_entry_t* entry, unsigned int mode, int sync, void* key) {
  (void)mode, (void)sync, (void)key;
  smp_mb();
  WRITE_ONCE(entry->flags, READ_ONCE(entry->flags) | WQ_FLAG_WOKEN);
  return 0;
}

static bool is_woken(const void* data) {
  const wait_queue_entry_t* entry = data;
  const struct task_struct* task = entry->private;

  return entry->flags & WQ_FLAG_WOKEN || task->stopped;
}

void wait_woken(wait_queue_entry_t* entry, int state, long timeout) {
  (void)state, (void)timeout;
  bell_explore_wait("to be woken", is_woken, entry);
  smp_store_mb(entry->flags, entry->flags & ~WQ_FLAG_WOKEN);
}

__poll_t vfs_poll(struct file* file, poll_table* table) {
  if (table && table->function) table->function(file, &file->ctx.waiters, table);
  return READ_ONCE(file->ctx.count) ? EPOLLIN : 0;
}

struct file* eventfd_fget(int fd) {
  (void)fd;
  return &all.kick;
}

void eventfd_signal(struct eventfd_ctx* ctx) {
  spin_lock(&ctx->waiters.lock);
  WRITE_ONCE(ctx->count, ctx->count + 1);
  wake_up_locked(&ctx->waiters, EPOLLIN);
  spin_unlock(&ctx->waiters.lock);
}

void eventfd_ctx_do_read(struct eventfd_ctx* ctx, u64* count) {
  *count = READ_ONCE(ctx->count);
  WRITE_ONCE(ctx->count, 0);
}

static struct task_struct* this_thread(void) {
  return &all.tasks[bell_explore_thread_number()];
}

struct reader {
  const struct eventfd_ctx* ctx;
  const struct task_struct* task;
};

static bool may_read(const void* data) {
  const struct reader* reader = data;

  return reader->ctx->count || reader->task->stopped;
}

ssize_t kernel_read(struct file* file, void* buffer, size_t size, void* at) {
  struct eventfd_ctx* ctx = &file->ctx;
  const struct reader reader = {.ctx = ctx, .task = this_thread()};
  u64 count = 0;

  (void)at;
  while (!count) {
    bell_explore_wait("a kick", may_read, &reader);
    spin_lock(&ctx->waiters.lock);
    if (ctx->count) eventfd_ctx_do_read(ctx, &count);
    spin_unlock(&ctx->waiters.lock);
    if (!count && kthread_should_stop()) return -ERESTARTSYS;
  }
  memcpy(buffer, &count, sizeof(count));
  return (ssize_t)size;
}

struct task_struct* bell_explore_thread(int (*run)(void* data), void* data) {
  struct task_struct* task = all.tasks;

  for (; task < all.tasks + BELL_RIG_THREADS; task++) {
    if (task->run) continue;
    task->run = run;
    task->data = data;
    return task;
  }
  return ERR_PTR(-ENOMEM);
}

void wake_up_process(struct task_struct* task) {
  WRITE_ONCE(task->started, 1);
}

static bool has_ended(const void* task) {
  return ((const struct task_struct*)task)->ended;
}

int kthread_stop(struct task_struct* task) {
  smp_store_mb(task->stopped, 1);
  bell_explore_wait("a thread's end", has_ended, task);
  return 0;
}

bool kthread_should_stop(void) {
  return READ_ONCE(this_thread()->stopped);
}

static bool has_started(const void* task) {
  return ((const struct task_struct*)task)->started;
}

void bell_rig_run_thread(void) {
  struct task_struct* task = this_thread();

  bell_explore_wait("its start", has_started, task);
  task->run(task->data);
  WRITE_ONCE(task->ended, 1);
}

void bell_rig_kick(void) {
  eventfd_signal(&all.kick.ctx);
}

void bell_explore_trace(const char* what, u64 value) {
  if (!strcmp(what, "kick")) all.kicks += value;
  bell_explore_note(what, value);
}

u64 bell_rig_kicks_taken(void) {
  return all.kicks;
}

u64 bell_rig_kicks_left(void) {
  return all.kick.ctx.count;
}
