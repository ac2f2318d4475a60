// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands of the device file, in a table. The argument is copied in before
 * device->lock is taken, and the answer is copied out under it, so a command
 * whose answer cannot be delivered changes nothing. A page fault in a mapping of
 * ours takes that lock, too: so the copy under the lock does not serve faults,
 * and is tried again once the pages are there.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "device.h"
#include "worker.h"

union argument {
	struct bellwire_claim claim;
	struct bellwire_call call;
	struct bellwire_kick kick;
	struct bellwire_info info;
	struct bellwire_step step;
};

static int check_claim(const struct bellwire_claim *claim, u32 flags)
{
	return claim->flags & ~flags || claim->reserved ? -EINVAL : 0;
}

/* The generation begins after the answer has been delivered. */
static void fill_claim(struct bellwire_claim *claim, const struct bell_queue *queue)
{
	*claim = (struct bellwire_claim){
		.queue = queue->index,
		.flags = claim->flags,
		.generation = bell_queue_next_generation(queue),
		.ring_entries = queue->device->format.ring_entries,
		.map_size = queue->device->format.queue_stride,
		.trace_entries = queue->device->format.trace_entries,
	};
}

static int do_claim(struct bell_file *file, union argument *argument)
{
	struct bellwire_claim *claim = &argument->claim;
	int error = check_claim(claim, BELLWIRE_CLAIM_NO_LOOKS);
	struct bell_queue *queue;

	if (error)
		return error;
	queue = bell_queue_find(file, claim->queue);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	fill_claim(claim, queue);
	return 0;
}

static void commit_claim(struct bell_file *file, const union argument *argument)
{
	const struct bellwire_claim *claim = &argument->claim;
	struct bell_queue *queue = &file->device->queues[claim->queue];

	bell_queue_claim(file, queue, claim->flags);
	bell_queue_begin(queue, claim->generation);
}

static int do_reset(struct bell_file *file, union argument *argument)
{
	int error = check_claim(&argument->claim, 0);

	if (error)
		return error;
	if (!file->queue)
		return -ENOTCONN;
	fill_claim(&argument->claim, file->queue);
	return 0;
}

static void commit_reset(struct bell_file *file, const union argument *argument)
{
	bell_queue_begin(file->queue, argument->claim.generation);
}

static int do_set_call(struct bell_file *file, union argument *argument)
{
	struct eventfd_ctx *call = NULL;

	if (argument->call.flags)
		return -EINVAL;
	if (!file->queue)
		return -ENOTCONN;
	if (argument->call.fd != -1)
		call = eventfd_ctx_fdget(argument->call.fd);
	if (IS_ERR(call))
		return PTR_ERR(call);
	call = bell_file_set_call(file, call);
	if (call)
		eventfd_ctx_put(call);
	return 0;
}

/* The new worker starts before the old one stops, so no kick is lost between them. */
static int do_set_kick(struct bell_file *file, union argument *argument)
{
	const struct bellwire_kick *kick = &argument->kick;
	bool none = kick->fd == -1 && kick->worker == BELLWIRE_WORKER_NONE;
	struct bell_worker *worker = NULL;

	if (kick->flags || kick->reserved)
		return -EINVAL;
	if (!file->queue)
		return -ENOTCONN;
	if (!none)
		worker = bell_worker_create(file->queue, kick->fd, kick->worker);
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	bell_worker_destroy(bell_file_set_worker(file, worker));
	return 0;
}

static void fill_device(struct bellwire_info *info, struct bell_device *device)
{
	const struct bellwire_device_line *line = &device->memory->device;
	unsigned int i;

	info->version = BELLWIRE_VERSION;
	info->queues = device->queue_count;
	for (i = 0; i < device->queue_count; i++)
		info->queues_free += !device->queues[i].owner;
	info->ring_entries = device->format.ring_entries;
	info->peer = device->peer;
	memcpy(info->kind, line->kind, sizeof(info->kind));
	info->kind[sizeof(info->kind) - 1] = '\0'; /* the device is not trusted to write one */
	info->incarnation = READ_ONCE(line->incarnation);
	info->state = READ_ONCE(line->state);
	info->beat = READ_ONCE(line->beat);
	info->device_peer = READ_ONCE(line->peer);
}

static u64 since_claim(const struct bell_file *file, enum bell_count which)
{
	return atomic64_read(&file->queue->totals[which]) - file->base[which];
}

static void fill_queue(struct bellwire_info *info, const struct bell_file *file)
{
	bell_look_settle(file->queue);
	info->queue = file->queue->index;
	info->worker = bell_worker_kind(file->worker);
	info->generation = file->queue->generation;
	info->kicks = since_claim(file, BELL_KICKS);
	info->doorbells = since_claim(file, BELL_DOORBELLS);
	info->interrupts = since_claim(file, BELL_INTERRUPTS);
	info->calls = since_claim(file, BELL_CALLS);
	info->recovered_doorbells = since_claim(file, BELL_RECOVERED_DOORBELLS);
	info->recovered_interrupts = since_claim(file, BELL_RECOVERED_INTERRUPTS);
}

static int do_info(struct bell_file *file, union argument *argument)
{
	struct bellwire_info *info = &argument->info;

	info->queue = BELLWIRE_ANY_QUEUE;
	fill_device(info, file->device);
	if (file->queue)
		fill_queue(info, file);
	return 0;
}

static void (*const step_actions[])(struct bell_queue *queue) = {
	[BELLWIRE_STEP_ON] = bell_gate_close,
	[BELLWIRE_STEP_NEXT] = bell_gate_next,
	[BELLWIRE_STEP_OFF] = bell_gate_open,
};

static int do_step(struct bell_file *file, union argument *argument)
{
	const struct bellwire_step given = argument->step;

	if (given.action >= ARRAY_SIZE(step_actions) || given.reserved)
		return -EINVAL;
	if (!file->queue)
		return -ENOTCONN;
	argument->step = (struct bellwire_step){ .action = given.action };
	bell_gate_show(file->queue, &argument->step);
	return 0;
}

static void commit_step(struct bell_file *file, const union argument *argument)
{
	if (step_actions[argument->step.action])
		step_actions[argument->step.action](file->queue);
}

static int do_kick(struct bell_queue *queue)
{
	int error = -ENOTCONN;

	spin_lock_irq(&queue->lock);
	if (queue->owner && queue->owner->worker) {
		bell_worker_kick(queue->owner->worker);
		error = 0;
	}
	spin_unlock_irq(&queue->lock);
	return error;
}

static const struct command {
	unsigned int number;
	/* Called under device->lock. If there is a commit, it changes nothing. */
	int (*run)(struct bell_file *file, union argument *argument);
	/* Called under the same lock, once the answer is in user space. */
	void (*commit)(struct bell_file *file, const union argument *argument);
	int (*hot)(struct bell_queue *queue); /* called without the lock */
} commands[] = {
	{ BELLWIRE_CLAIM, .run = do_claim, .commit = commit_claim },
	{ BELLWIRE_SET_CALL, .run = do_set_call },
	{ BELLWIRE_SET_KICK, .run = do_set_kick },
	{ BELLWIRE_KICK, .hot = do_kick },
	{ BELLWIRE_RING, .hot = bell_queue_ring },
	{ BELLWIRE_RESET, .run = do_reset, .commit = commit_reset },
	{ BELLWIRE_INFO, .run = do_info },
	{ BELLWIRE_STEP, .run = do_step, .commit = commit_step },
};

static const struct command *find_command(unsigned int number)
{
	const struct command *command;

	for (command = commands; command < commands + ARRAY_SIZE(commands); command++)
		if (command->number == number)
			return command;
	return NULL;
}

static int run_hot(const struct command *command, struct bell_file *file)
{
	/* Pairs with bell_queue_claim(). */
	struct bell_queue *queue = smp_load_acquire(&file->queue);

	if (!queue && command->number == BELLWIRE_RING)
		queue = &file->device->queues[0];
	return queue ? command->hot(queue) : -ENOTCONN;
}

/* -EFAULT: pages of the answer are missing, and nothing was changed. */
static int run_once(const struct command *command, struct bell_file *file, void __user *user,
		    union argument *argument)
{
	int error;

	bell_device_lock(file->device);
	error = file->device->gone ? -ENODEV : command->run(file, argument);
	if (!error && _IOC_DIR(command->number) & _IOC_READ)
		error = copy_to_user_nofault(user, argument, _IOC_SIZE(command->number));
	if (!error && command->commit)
		command->commit(file, argument);
	mutex_unlock(&file->device->lock);
	return error;
}

static int run_locked(const struct command *command, struct bell_file *file, void __user *user)
{
	unsigned int size = _IOC_SIZE(command->number);
	union argument given = {}, argument;
	int error;

	if (_IOC_DIR(command->number) & _IOC_WRITE && copy_from_user(&given, user, size))
		return -EFAULT;
	for (;;) {
		argument = given;
		error = run_once(command, file, user, &argument);
		if (error != -EFAULT || fault_in_writeable(user, size))
			return error;
		if (signal_pending(current)) /* another thread may unmap it forever */
			return -ERESTARTSYS;
	}
}

long bell_file_ioctl(struct file *filp, unsigned int number, unsigned long user)
{
	const struct command *command = find_command(number);
	struct bell_file *file = filp->private_data;
	int error;

	if (!command)
		error = -ENOTTY;
	else if (command->hot)
		error = run_hot(command, file);
	else
		error = run_locked(command, file, (void __user *)user);
	/* Checked last: if the device has gone meanwhile, that is why the command failed. */
	return error && READ_ONCE(file->device->gone) ? -ENODEV : error;
}
