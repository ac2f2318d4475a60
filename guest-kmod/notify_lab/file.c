// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/notify_lab: a session, from open to the last close; read and poll wait for
 * SEND_DEVICE; write is RECEIVE_WRITE; the ioctls are in command.c. A mapping
 * keeps its file, and so its session, until it is unmapped.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "lab.h"

#define MAP_SIZE PAGE_ALIGN(sizeof(struct notify_lab_map))

static void free_session(struct lab_session *session)
{
	vfree(session->map);
	kfree(session);
}

static struct lab_session *create_session(void)
{
	struct lab_session *session = kzalloc(sizeof(*session), GFP_KERNEL);

	if (!session)
		return NULL;
	mutex_init(&session->lock);
	spin_lock_init(&session->records);
	init_waitqueue_head(&session->arrived);
	init_waitqueue_head(&session->ended);
	init_waitqueue_head(&session->readers);
	session->map = vmalloc_user(MAP_SIZE);
	if (session->map)
		return session;
	kfree(session);
	return NULL;
}

static int lab_open(struct inode *inode, struct file *filp)
{
	struct lab_session *session = create_session();
	int error;

	if (!session)
		return -ENOMEM;
	error = lab_genl_add(session);
	if (error) {
		free_session(session);
		return error;
	}
	session->info.session = session->id;
	filp->private_data = session;
	return stream_open(inode, filp);
}

static int lab_release(struct inode *inode, struct file *filp)
{
	struct lab_session *session = filp->private_data;

	lab_genl_remove(session);
	lab_job_stop(session);
	free_session(session);
	return 0;
}

/* Takes the count; waits for one if there is none. */
static int take_unread(struct lab_session *session, bool wait, u64 *count)
{
	do {
		if (wait &&
		    wait_event_interruptible(session->readers, atomic64_read(&session->unread)))
			return -ERESTARTSYS;
		*count = atomic64_xchg(&session->unread, 0);
	} while (wait && !*count);
	return *count ? 0 : -EAGAIN;
}

/* Another reader may have gone to sleep while we had the count. */
static void give_back(struct lab_session *session, u64 count)
{
	atomic64_add(count, &session->unread);
	wake_up_interruptible_poll(&session->readers, EPOLLIN | EPOLLRDNORM);
}

static ssize_t lab_read(struct file *filp, char __user *user, size_t size, loff_t *at)
{
	struct lab_session *session = filp->private_data;
	int error;
	u64 count;

	if (size < sizeof(count))
		return -EINVAL;
	error = take_unread(session, !(filp->f_flags & O_NONBLOCK), &count);
	if (error)
		return error;
	if (copy_to_user(user, &count, sizeof(count))) {
		give_back(session, count);
		return -EFAULT;
	}
	return sizeof(count);
}

static ssize_t lab_write(struct file *filp, const char __user *user, size_t size, loff_t *at)
{
	struct lab_notification notification = { .carried = 1 };
	int error;

	if (size != sizeof(notification.number))
		return -EINVAL;
	if (copy_from_user(&notification.number, user, sizeof(notification.number)))
		return -EFAULT;
	error = lab_received(filp->private_data, NOTIFY_LAB_RECEIVE_WRITE, &notification);
	return error ? error : sizeof(notification.number);
}

static __poll_t lab_poll(struct file *filp, poll_table *table)
{
	struct lab_session *session = filp->private_data;

	poll_wait(filp, &session->readers, table);
	return atomic64_read(&session->unread) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int lab_fasync(int fd, struct file *filp, int on)
{
	struct lab_session *session = filp->private_data;

	return fasync_helper(fd, filp, on, &session->fasync);
}

static int lab_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct lab_session *session = filp->private_data;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return remap_vmalloc_range(vma, session->map, vma->vm_pgoff);
}

const struct file_operations lab_file_operations = {
	.owner = THIS_MODULE,
	.open = lab_open,
	.release = lab_release,
	.read = lab_read,
	.write = lab_write,
	.poll = lab_poll,
	.fasync = lab_fasync,
	.mmap = lab_mmap,
	.unlocked_ioctl = lab_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
