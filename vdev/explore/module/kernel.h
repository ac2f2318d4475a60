/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the module's sources need of the kernel, for the explorer: each of the
 * kernel's headers that they include is this one (CMakeLists.txt).
 *
 * Accesses to what others share are atomic ones of the compiler, so the hooks see
 * them: READ_ONCE() and WRITE_ONCE() are steps, too. Counts of events are plain.
 * Time stands still, and a work that is scheduled may run at any later step.
 */
#ifndef BELLWIRE_EXPLORE_KERNEL_H
#define BELLWIRE_EXPLORE_KERNEL_H

#include <errno.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef u64 phys_addr_t;
typedef u64 dma_addr_t;
typedef u64 resource_size_t;

#define __iomem
#define likely(condition) (condition)
#define unlikely(condition) (condition)
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define BIT_ULL(bit) (1ULL << (bit))
#define container_of(pointer, type, member) ((type*)((char*)(pointer)-offsetof(type, member)))
#define swap(one, other)          \
  do {                            \
    __typeof__(one) one_ = (one); \
    (one) = (other);              \
    (other) = one_;               \
  } while (0)
#define max_t(type, one, other) ((type)(one) > (type)(other) ? (type)(one) : (type)(other))
#define min_t(type, one, other) ((type)(one) < (type)(other) ? (type)(one) : (type)(other))
#define clamp_t(type, value, least, most) min_t(type, max_t(type, value, least), most)
#define div_u64(value, by) ((value) / (by))

#define MAX_ERRNO 4095
#define ERESTARTSYS 512
#define ERR_PTR(error) ((void*)(long)(error))
#define PTR_ERR(pointer) ((long)(pointer))
#define IS_ERR(pointer) ((unsigned long)(pointer) >= (unsigned long)-MAX_ERRNO)
#define IS_ERR_OR_NULL(pointer) (!(pointer) || IS_ERR(pointer))
#define PTR_ERR_OR_ZERO(pointer) ((int)(IS_ERR(pointer) ? PTR_ERR(pointer) : 0))

#define module_param(name, type, mode)
#define MODULE_PARM_DESC(name, text)
#define lockdep_assert_held(lock) ((void)(lock))
#define current NULL
#define task_tgid_nr(task) 1
#define GFP_KERNEL 0
void* kzalloc(size_t size, int flags);
#define kfree(pointer) ((void)(pointer)) /* all of it goes when the next run begins */

/* Memory that is shared. */
#define READ_ONCE(word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#define WRITE_ONCE(word, value) __atomic_store_n(&(word), value, __ATOMIC_RELEASE)
#define smp_store_release(at, value) __atomic_store_n(at, value, __ATOMIC_RELEASE)
#define smp_load_acquire(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
#define smp_store_mb(word, value) __atomic_store_n(&(word), value, __ATOMIC_SEQ_CST)
#define smp_rmb() ((void)0) /* loads are in order, as on x86 */
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xchg(at, value) __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST)

typedef struct {
  int counter;
} atomic_t;
typedef struct {
  s64 counter;
} atomic64_t;

#define atomic_read(at) READ_ONCE((at)->counter)
#define atomic_read_acquire(at) READ_ONCE((at)->counter)
#define atomic_set(at, value) WRITE_ONCE((at)->counter, value)
#define atomic_set_release(at, value) WRITE_ONCE((at)->counter, value)
#define atomic_andnot(bits, at) \
  ((void)__atomic_fetch_and(&(at)->counter, ~(bits), __ATOMIC_SEQ_CST))
#define atomic_cmpxchg_release(at, before, after) atomic_cmpxchg(at, before, after)
static inline int atomic_cmpxchg(atomic_t* at, int before, int after) {
  __atomic_compare_exchange_n(&at->counter, &before, after, false, __ATOMIC_SEQ_CST,
                              __ATOMIC_SEQ_CST);
  return before;
}
#define atomic64_read(at) ((at)->counter)
#define atomic64_inc(at) ((void)(at)->counter++)
#define atomic64_inc_return(at) (__atomic_fetch_add(&(at)->counter, 1, __ATOMIC_SEQ_CST) + 1)

/* Locks. */
typedef struct {
  u32 taken;
} spinlock_t;
typedef spinlock_t raw_spinlock_t;
struct mutex {
  spinlock_t lock;
};

void spin_lock(spinlock_t* lock);
#define spin_unlock(lock) __atomic_store_n(&(lock)->taken, 0, __ATOMIC_RELEASE)
#define spin_lock_irq(lock) spin_lock(lock)
#define spin_unlock_irq(lock) spin_unlock(lock)
#define spin_lock_irqsave(lock, flags) ((void)((flags) = 0), spin_lock(lock))
#define spin_unlock_irqrestore(lock, flags) ((void)(flags), spin_unlock(lock))
#define mutex_lock(mutex) spin_lock(&(mutex)->lock)
#define mutex_unlock(mutex) spin_unlock(&(mutex)->lock)
#define rcu_read_lock()
#define rcu_read_unlock()

/* Wait queues. */
struct wait_queue_entry;
typedef int (*wait_queue_func_t)(struct wait_queue_entry* entry, unsigned int mode, int sync,
                                 void* key);
typedef struct wait_queue_entry {
  u32 flags;
  void* private;
  wait_queue_func_t func;
  struct wait_queue_entry* next;
} wait_queue_entry_t;
typedef struct {
  spinlock_t lock;
  wait_queue_entry_t* first;
} wait_queue_head_t;

#define WQ_FLAG_WOKEN 2
#define TASK_IDLE 0
#define MAX_SCHEDULE_TIMEOUT 0
#define key_to_poll(key) ((__poll_t)(unsigned long)(key))
#define waitqueue_active(head) (READ_ONCE((head)->first) != NULL)
#define init_waitqueue_func_entry(entry, function) \
  (*(entry) = (wait_queue_entry_t){.func = (function)})
void add_wait_queue(wait_queue_head_t* head, wait_queue_entry_t* entry);
void remove_wait_queue(wait_queue_head_t* head, wait_queue_entry_t* entry);
void wake_up_poll(wait_queue_head_t* head, __poll_t events);
int woken_wake_function(wait_queue_entry_t* entry, unsigned int mode, int sync, void* key);
void wait_woken(wait_queue_entry_t* entry, int state, long timeout);

/* Eventfds. */
struct eventfd_ctx {
  wait_queue_head_t waiters;
  u64 count;
};
struct file {
  unsigned int f_flags;
  struct eventfd_ctx ctx;
};
typedef struct poll_table {
  void (*function)(struct file* file, wait_queue_head_t* head, struct poll_table* table);
} poll_table;

#define init_poll_funcptr(table, called) ((table)->function = (called))
__poll_t vfs_poll(struct file* file, poll_table* table);
struct file* eventfd_fget(int fd);
#define eventfd_ctx_fileget(file) (&(file)->ctx)
#define eventfd_ctx_put(ctx) ((void)(ctx))
#define fput(file) ((void)(file))
void eventfd_signal(struct eventfd_ctx* ctx);
void eventfd_ctx_do_read(struct eventfd_ctx* ctx, u64* count);
ssize_t kernel_read(struct file* file, void* buffer, size_t size, void* at);

/* Threads, each of which is an actor. */
struct task_struct {
  int (*run)(void* data);
  void* data;
  u32 started, stopped, ended;
};

struct task_struct* bell_explore_thread(int (*run)(void* data), void* data);
#define kthread_create(run, data, ...) bell_explore_thread(run, data)
void wake_up_process(struct task_struct* task);
int kthread_stop(struct task_struct* task);
bool kthread_should_stop(void);
#define num_online_cpus() 2
#define need_resched() false
#define cond_resched() ((void)0)
#define cpu_relax() ((void)0)
#define schedule_timeout_interruptible(jiffies) ((void)(jiffies))

/* Time, and works. */
#define NSEC_PER_USEC 1000L
#define NSEC_PER_MSEC 1000000L
#define ktime_get_ns() 0ULL
#define get_cycles() 0ULL
#define usecs_to_jiffies(us) ((unsigned long)(us))

struct work_struct {
  void (*function)(struct work_struct* work);
  u32 due;
};
struct delayed_work {
  struct work_struct work;
};

#define to_delayed_work(pointer) container_of(pointer, struct delayed_work, work)
#define INIT_DELAYED_WORK(delayed, called) \
  ((delayed)->work = (struct work_struct){.function = (called)})
#define schedule_delayed_work(delayed, jiffies) \
  ((void)(jiffies), WRITE_ONCE((delayed)->work.due, 1))
#define cancel_delayed_work_sync(delayed) WRITE_ONCE((delayed)->work.due, 0)

/* What a bell_device has, and nobody here uses. */
#define PCI_STD_NUM_BARS 6
struct kref {
  int unused;
};
struct list_head {
  struct list_head *next, *prev;
};
struct resource {
  u64 start, end;
};
struct miscdevice {
  int minor;
};
struct device;
struct address_space;

/* Tracepoints are lines of the story. */
#define DECLARE_EVENT_CLASS(...)
#define DEFINE_EVENT_PRINT(class, name, ...) DEFINE_EVENT(class, name, )
#define DEFINE_EVENT(class, name, ...)                                         \
  static inline void trace_##name(const struct bell_queue* queue, u64 value) { \
    (void)queue;                                                               \
    bell_explore_trace(#name, value);                                          \
  }
void bell_explore_trace(const char* what, u64 value);

#endif /* BELLWIRE_EXPLORE_KERNEL_H */
