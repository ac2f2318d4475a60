// SPDX-License-Identifier: GPL-2.0-only
/* The commands of the device file, in a table. Arguments are copied in before, and out after. */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

#include "../module/eventfd.h"
#include "lab.h"

union argument {
	struct notify_lab_job job;
	struct notify_lab_signal signal;
	struct notify_lab_info info;
	__u64 number;
};

static int do_start(struct lab_session *session, union argument *argument)
{
	return lab_job_start(session, &argument->job);
}

static int do_stop(struct lab_session *session, union argument *argument)
{
	return lab_job_stop(session);
}

static int do_wait(struct lab_session *session, union argument *argument)
{
	if (READ_ONCE(session->info.state) == NOTIFY_LAB_IDLE)
		return -ENOTCONN;
	return wait_event_interruptible(session->ended, !lab_running(session));
}

static int do_notify(struct lab_session *session, union argument *argument)
{
	struct lab_notification notification = { .number = argument->number, .carried = 1 };

	return lab_received(session, NOTIFY_LAB_RECEIVE_IOCTL, &notification);
}

static int do_signal(struct lab_session *session, union argument *argument)
{
	const struct notify_lab_signal *signal = &argument->signal;
	struct eventfd_ctx *ctx;
	u32 i;

	if (!signal->times || signal->times > NOTIFY_LAB_RECORDS)
		return -EINVAL;
	ctx = eventfd_ctx_fdget(signal->fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	for (i = 0; i < signal->times; i++)
		bell_eventfd_signal(ctx);
	eventfd_ctx_put(ctx);
	return 0;
}

static int do_info(struct lab_session *session, union argument *argument)
{
	spin_lock_irq(&session->records);
	argument->info = session->info;
	spin_unlock_irq(&session->records);
	return 0;
}

/* clang-format off: a table */
static const struct command {
	unsigned int number;
	int (*run)(struct lab_session *session, union argument *argument);
} commands[] = {
	{ NOTIFY_LAB_START, do_start },   { NOTIFY_LAB_STOP, do_stop },
	{ NOTIFY_LAB_WAIT, do_wait },     { NOTIFY_LAB_NOTIFY, do_notify },
	{ NOTIFY_LAB_SIGNAL, do_signal }, { NOTIFY_LAB_INFO, do_info },
};
/* clang-format on */

static const struct command *find_command(unsigned int number)
{
	const struct command *command;

	for (command = commands; command < commands + ARRAY_SIZE(commands); command++)
		if (command->number == number)
			return command;
	return NULL;
}

long lab_file_ioctl(struct file *filp, unsigned int number, unsigned long user)
{
	const struct command *command = find_command(number);
	unsigned int size = _IOC_SIZE(number);
	void __user *place = (void __user *)user;
	union argument argument = {};
	int error;

	if (!command)
		return -ENOTTY;
	if (_IOC_DIR(number) & _IOC_WRITE && copy_from_user(&argument, place, size))
		return -EFAULT;
	error = command->run(filp->private_data, &argument);
	if (!error && _IOC_DIR(number) & _IOC_READ && copy_to_user(place, &argument, size))
		return -EFAULT;
	return error;
}
