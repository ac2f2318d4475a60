// SPDX-License-Identifier: GPL-2.0-only
/*
 * The front end for a PCI device of our own: "The card" in the uapi header. BAR0
 * has its registers, BAR2 may have the doorbell page. The driver allocates the
 * memory and lends it to the card. Process context, but for the doorbell.
 */
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/mmzone.h>
#include <linux/pci.h>

#include "device.h"

enum {
	BAR_REGISTERS = 0,
	BAR_DOORBELLS = 2,
};

/* A read returns all ones when no process serves the card. */
#define NO_ANSWER (~0u)

static u32 card_read(struct bell_device *device, unsigned int offset)
{
	return ioread32(device->registers + offset);
}

static void card_write(struct bell_device *device, unsigned int offset, u32 value)
{
	iowrite32(value, device->registers + offset);
}

/*
 * Rings by the doorbell page. False: the device sleeps, and must be rung by the
 * register. The addition is a full barrier: either this side sees that the
 * device sleeps, or the device sees the ring.
 */
static bool ring_by_page(struct bellwire_doorbell_page *page, unsigned int index)
{
	atomic_inc_return((atomic_t *)&page->driver[index].rung);
	return !READ_ONCE(page->device.asleep);
}

static void card_ring(struct bell_queue *queue, u32 device_peer)
{
	struct bell_device *device = queue->device;

	if (!device->doorbells || !ring_by_page(device->doorbells, queue->index))
		card_write(device, BELLWIRE_CARD_DOORBELL + queue->index * sizeof(u32), 1);
}

static bool card_lost(struct bell_device *device)
{
	return card_read(device, BELLWIRE_CARD_MAGIC) == NO_ANSWER;
}

/* Ends the card's use of the memory; the read waits for that. Returns STATUS. */
static u32 turn_off(struct bell_device *device)
{
	card_write(device, BELLWIRE_CARD_CONTROL, 0);
	return card_read(device, BELLWIRE_CARD_STATUS);
}

static void card_stop(struct bell_device *device)
{
	turn_off(device);
}

static const char *status_name(u32 status)
{
	static const char *const names[] = {
		[BELLWIRE_CARD_OFF] = "OFF",
		[BELLWIRE_CARD_READY] = "READY",
		[BELLWIRE_CARD_BAD_MEMORY] = "BAD_MEMORY",
		[BELLWIRE_CARD_FAILED] = "FAILED",
	};

	if (status == NO_ANSWER)
		return "no answer";
	return status < ARRAY_SIZE(names) ? names[status] : "unknown";
}

/*
 * A card that does not answer may only be slow, or stopped by a debugger, and
 * write to the memory later: no bit of its config space takes back what it has
 * mapped. Such memory is never freed.
 */
static void take_memory_back(void *data)
{
	struct bell_device *device = data;
	u32 status = turn_off(device);

	if (status == BELLWIRE_CARD_OFF) {
		dma_free_pages(device->parent, device->memory_size, virt_to_page(device->memory),
			       device->bus_address, DMA_BIDIRECTIONAL);
		return;
	}
	dev_warn(
		device->parent,
		"%zu bytes of memory at %pad are never freed, since the card may still write there: it was turned off, but its STATUS reads %#x (%s)\n",
		device->memory_size, &device->bus_address, status, status_name(status));
}

static int turn_on(struct bell_device *device)
{
	u32 status;

	card_write(device, BELLWIRE_CARD_MEMORY_LOW, lower_32_bits(device->bus_address));
	card_write(device, BELLWIRE_CARD_MEMORY_HIGH, upper_32_bits(device->bus_address));
	card_write(device, BELLWIRE_CARD_VECTORS, device->vectors);
	card_write(device, BELLWIRE_CARD_CONTROL, BELLWIRE_CARD_ENABLE);
	status = card_read(device, BELLWIRE_CARD_STATUS);
	if (status == BELLWIRE_CARD_READY)
		return 0;
	if (status == BELLWIRE_CARD_BAD_MEMORY)
		dev_err(device->parent,
			"the card cannot use the driver's memory at %pad: start QEMU with its memory on a memory-backend-memfd,share=on\n",
			&device->bus_address);
	else if (status == BELLWIRE_CARD_FAILED)
		dev_err(device->parent,
			"the card's device could not start (STATUS reads FAILED): its log on the host says why\n");
	else if (status == NO_ANSWER)
		dev_err(device->parent,
			"the card's STATUS reads %#x: no process serves it any more\n", status);
	else
		dev_err(device->parent,
			"the card was turned on, but its STATUS reads %#x (%s), not READY\n",
			status, status_name(status));
	return -ENODEV;
}

static int check_size(struct bell_device *device, u32 size)
{
	BUILD_BUG_ON(BELLWIRE_CARD_MAX_MEMORY > MAX_ORDER_NR_PAGES * PAGE_SIZE);

	if (size && size <= BELLWIRE_CARD_MAX_MEMORY && !(size % PAGE_SIZE))
		return 0;
	dev_err(device->parent,
		"the card's MEMORY_SIZE reads %#x; it must be a multiple of %#lx up to %#x\n", size,
		PAGE_SIZE, BELLWIRE_CARD_MAX_MEMORY);
	return -ENODEV;
}

static int give_memory(struct bell_device *device)
{
	u32 size = card_read(device, BELLWIRE_CARD_MEMORY_SIZE);
	int error = check_size(device, size);
	struct page *pages;

	if (error)
		return error;
	pages = dma_alloc_pages(device->parent, size, &device->bus_address, DMA_BIDIRECTIONAL,
				GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (!pages) {
		dev_err(device->parent,
			"cannot allocate %u bytes of memory in one piece: start the device with less, by memory=\n",
			size);
		return -ENOMEM;
	}
	device->memory_size = size;
	device->memory = page_address(pages);
	device->start = page_to_phys(pages);
	return devm_add_action_or_reset(device->parent, take_memory_back, device);
}

static int map_bars(struct bell_device *device, struct pci_dev *pci)
{
	device->registers = bell_pci_map_registers(device, pci, BAR_REGISTERS, BELLWIRE_CARD_OWN);
	if (IS_ERR(device->registers))
		return PTR_ERR(device->registers);
	if (!pci_resource_len(pci, BAR_DOORBELLS))
		return 0;
	device->doorbells =
		bell_pci_map_memory(device, pci, BAR_DOORBELLS, sizeof(*device->doorbells));
	return PTR_ERR_OR_ZERO(device->doorbells);
}

static int check_magic(struct bell_device *device)
{
	u32 magic = card_read(device, BELLWIRE_CARD_MAGIC);

	if (magic == BELLWIRE_CARD_MAGIC_VALUE)
		return 0;
	dev_err(device->parent,
		"the card's MAGIC reads %#x, not %#x: no process serves it, or one of another version\n",
		magic, BELLWIRE_CARD_MAGIC_VALUE);
	return -ENODEV;
}

static int read_queues(struct bell_device *device, u32 *queues)
{
	*queues = card_read(device, BELLWIRE_CARD_QUEUES);
	if (*queues >= 1 && *queues <= BELLWIRE_MAX_QUEUES)
		return 0;
	dev_err(device->parent, "the card's QUEUES reads %u; it must be 1 to %u\n", *queues,
		BELLWIRE_MAX_QUEUES);
	return -ENODEV;
}

/* QUEUES gave the number of vectors; the format, of the queues. They must be equal. */
static int open_memory(struct bell_device *device, u32 queues)
{
	int error = bell_device_open_memory(device, device->memory_size);

	if (error || device->queue_count == queues)
		return error;
	dev_err(device->parent, "the card's QUEUES reads %u, but it formatted the memory for %u\n",
		queues, device->queue_count);
	return -ENODEV;
}

static int set_dma_mask(struct device *parent)
{
	int error = dma_set_mask_and_coherent(parent, DMA_BIT_MASK(64));

	if (error)
		dev_err(parent, "cannot use 64-bit DMA: %pe\n", ERR_PTR(error));
	return error;
}

static int card_open(struct bell_device *device, struct pci_dev *pci)
{
	int error = map_bars(device, pci);
	u32 queues;

	if (!error)
		error = check_magic(device);
	if (!error)
		error = read_queues(device, &queues);
	if (!error)
		error = bell_pci_take_vectors(device, pci, queues);
	if (!error)
		error = set_dma_mask(&pci->dev);
	if (!error)
		error = give_memory(device);
	if (!error)
		error = turn_on(device);
	return error ?: open_memory(device, queues);
}

const struct bell_front bell_card_front = {
	.vectors = PCI_IRQ_MSIX | PCI_IRQ_MSI,
	.formatted_when_ready = true,
	.open = card_open,
	.ring = card_ring,
	.lost = card_lost,
	.stop = card_stop,
	.restart = turn_on,
};
