/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: /sys/kernel/tracing/events/bellwire, one per hop. Each has the
 * queue's indices at that moment, as records do (record.c): a hop on the way to
 * the device stands for the requests below `submitted`, one on the way back for
 * those below `completed`.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM bellwire

#if !defined(BELL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define BELL_TRACE_H

#include <linux/tracepoint.h>

#include "device.h"

/* clang-format off: these macros have a layout of their own */
DECLARE_EVENT_CLASS(
	bellwire_hop, TP_PROTO(const struct bell_queue *queue, u64 value), TP_ARGS(queue, value),
	TP_STRUCT__entry(__field(int, device) __field(unsigned int, queue) __field(u64, value)
				 __field(u32, submitted) __field(u32, completed)),
	TP_fast_assign(__entry->device = queue->device->id; __entry->queue = queue->index;
		       __entry->value = value;
		       __entry->submitted = READ_ONCE(queue->control->submit.submitted);
		       __entry->completed = READ_ONCE(queue->control->complete.completed);),
	TP_printk("device=%d queue=%u count=%llu submitted=%u completed=%u", __entry->device,
		  __entry->queue, __entry->value, __entry->submitted, __entry->completed));

#define BELLWIRE_COUNTED(name)                                                                     \
	DEFINE_EVENT(bellwire_hop, name, TP_PROTO(const struct bell_queue *queue, u64 value),      \
		     TP_ARGS(queue, value))

#define BELLWIRE_LABELLED(name, label)                                                             \
	DEFINE_EVENT_PRINT(                                                                        \
		bellwire_hop, name, TP_PROTO(const struct bell_queue *queue, u64 value),           \
		TP_ARGS(queue, value),                                                             \
		TP_printk("device=%d queue=%u " label "=%llu submitted=%u completed=%u",           \
			  __entry->device, __entry->queue, __entry->value, __entry->submitted,     \
			  __entry->completed))

BELLWIRE_COUNTED(kick);                   /* a worker took this count of the kick eventfd */
BELLWIRE_COUNTED(interrupt);              /* an interrupt came; count: since bind */
BELLWIRE_COUNTED(call);                   /* the call eventfd was signalled; count: since bind */
BELLWIRE_LABELLED(recovered, "hop");      /* by a look; enum bellwire_hop */
BELLWIRE_LABELLED(doorbell, "peer");      /* the doorbell is about to be written */
BELLWIRE_LABELLED(claim, "generation");   /* a generation begins, by claim or reset */
BELLWIRE_LABELLED(release, "generation"); /* the driver is no longer ready */
/* clang-format on */

#endif /* BELL_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
