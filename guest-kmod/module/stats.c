// SPDX-License-Identifier: GPL-2.0-only
/* debugfs: /sys/kernel/debug/bellwire/<name>/queues has the owner and the totals of each queue. */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "device.h"
#include "worker.h"

static struct dentry *root;

static void show_queue(struct seq_file *out, const struct bell_queue *queue)
{
	const struct bell_file *owner = queue->owner;

	seq_printf(out, "%5u %7d %-8s %10u %12lld %12lld %12lld %12lld %12lld\n", queue->index,
		   owner ? owner->pid : 0, bell_worker_name(owner ? owner->worker : NULL),
		   queue->generation, atomic64_read(&queue->totals[BELL_KICKS]),
		   atomic64_read(&queue->totals[BELL_DOORBELLS]),
		   atomic64_read(&queue->totals[BELL_INTERRUPTS]),
		   atomic64_read(&queue->totals[BELL_CALLS]),
		   atomic64_read(&queue->totals[BELL_RECOVERED_DOORBELLS]) +
			   atomic64_read(&queue->totals[BELL_RECOVERED_INTERRUPTS]));
}

static int queues_show(struct seq_file *out, void *unused)
{
	struct bell_device *device = out->private;
	unsigned int i;

	seq_puts(
		out,
		"queue     pid worker   generation        kicks    doorbells   interrupts        calls    recovered\n");
	mutex_lock(&device->lock);
	for (i = 0; i < device->queue_count; i++)
		show_queue(out, &device->queues[i]);
	mutex_unlock(&device->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(queues);

void bell_stats_init(void)
{
	root = debugfs_create_dir("bellwire", NULL);
}

void bell_stats_exit(void)
{
	debugfs_remove(root);
}

void bell_stats_add(struct bell_device *device)
{
	device->stats = debugfs_create_dir(device->name, root);
	debugfs_create_file("queues", 0444, device->stats, device, &queues_fops);
}

/* Waits for readers, so it must not be called under device->lock. */
void bell_stats_remove(struct bell_device *device)
{
	debugfs_remove(device->stats);
}
