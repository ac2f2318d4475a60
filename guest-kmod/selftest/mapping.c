// SPDX-License-Identifier: GPL-2.0-only
/* What can be mapped, how long it stays, and what the module writes there. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest.h"

static bool maps(int fd, uint64_t size, int flags, uint64_t offset)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, offset) != MAP_FAILED;
}

static void lengths(void)
{
	uint64_t size = map_size();
	int fd = claimed();

	EXPECT(maps(fd, size, MAP_SHARED, 0));
	EXPECT(maps(fd, 4096, MAP_SHARED, size - 4096));
	EXPECT(!maps(fd, size + 4096, MAP_SHARED, 0) && errno == EINVAL);
	EXPECT(!maps(fd, size, MAP_SHARED, 4096) && errno == EINVAL);
	EXPECT(!maps(fd, 4096, MAP_SHARED, size) && errno == EINVAL);
	EXPECT(!maps(fd, 4096, MAP_SHARED, 0x7ffffffff000) && errno == EINVAL);
}

static void private_mapping(void)
{
	EXPECT(!maps(claimed(), 4096, MAP_PRIVATE, 0) && errno == EINVAL);
}

static void no_growing(void)
{
	uint64_t size = map_size();
	char *map = mmap(NULL, size, PROT_READ, MAP_SHARED, claimed(), 0);

	EXPECT(map != MAP_FAILED);
	EXPECT(mremap(map, size, size + 4096, MREMAP_MAYMOVE) == MAP_FAILED);
}

static void all_of_it(void)
{
	uint64_t size = map_size();
	volatile char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, claimed(), 0);

	EXPECT(map != MAP_FAILED);
	for (uint64_t at = sizeof(struct bellwire_queue_control); at < size; at += 4096)
		map[at] = 1;
	for (uint64_t at = sizeof(struct bellwire_queue_control); at < size; at += 4096)
		EXPECT(map[at] == 1);
}

/* Each queue's memory is its own. */
static void not_the_neighbours(void)
{
	uint64_t offset = bellwire_payload_offset(info(open_device(O_RDWR)).ring_entries, 0);
	int fds[2] = { claimed(), open_device(O_RDWR) };
	volatile char *maps[2];

	if (claim(fds[1], BELLWIRE_ANY_QUEUE) < 0)
		skip("the device has only one queue");
	for (int i = 0; i < 2; i++) {
		maps[i] = mmap(NULL, offset + 1, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
		EXPECT(maps[i] != MAP_FAILED);
		maps[i][offset] = 'a' + i;
	}
	EXPECT(maps[0][offset] == 'a' && maps[1][offset] == 'b');
}

static void keeps_the_queue(void)
{
	int fd = open_device(O_RDWR), other = open_device(O_RDWR);
	struct bellwire_queue_control *map;

	EXPECT(claim(fd, 0) == 0);
	map = map_queue(fd);
	close(fd);
	EXPECT_ERROR(claim(other, 0), EBUSY);
	EXPECT(map->driver.generation & 1);
	munmap(map, sizeof(*map));
	EXPECT(claim(other, 0) == 0);
}

static void a_fork_keeps_the_queue(void)
{
	int fd = open_device(O_RDWR), other = open_device(O_RDWR), gate[2];
	char byte;
	pid_t pid;

	EXPECT(claim(fd, 0) == 0 && pipe(gate) == 0);
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		_exit(read(gate[0], &byte, 1));
	}
	close(fd);
	EXPECT_ERROR(claim(other, 0), EBUSY);
	close(gate[1]);
	waitpid(pid, NULL, 0);
	EXPECT(claim(other, 0) == 0);
}

/* The module starts a generation with the driver's words zero. */
static void generation(void)
{
	int fd = open_device(O_RDWR);
	struct bellwire_claim claim = { 0 };
	struct bellwire_queue_control *map;
	uint32_t first;

	EXPECT(ioctl(fd, BELLWIRE_CLAIM, &claim) == 0);
	map = map_queue(fd);
	first = claim.generation;
	EXPECT((first & 1) && map->driver.generation == first && info(fd).generation == first);
	EXPECT(claim.ring_entries == info(fd).ring_entries);
	EXPECT(claim.map_size >= bellwire_payload_offset(claim.ring_entries, claim.trace_entries));

	map->submit.submitted = map->consume.consumed = map->consume.interrupt_event = 5;
	map->recording.recording = BELLWIRE_GUEST_RECORDS;
	EXPECT(ioctl(fd, BELLWIRE_RESET, &claim) == 0);
	EXPECT(claim.generation == first + 2 && map->driver.generation == first + 2);
	EXPECT(!map->submit.submitted && !map->consume.consumed && !map->consume.interrupt_event);
	EXPECT(!(map->recording.recording & BELLWIRE_GUEST_RECORDS));
}

static void generation_grows(void)
{
	struct bellwire_claim claim = { 0 };
	uint32_t last = 0;

	for (int i = 0; i < 5; i++) {
		int fd = open_device(O_RDWR);

		EXPECT(ioctl(fd, BELLWIRE_CLAIM, &claim) == 0);
		EXPECT(claim.generation & 1);
		EXPECT(i == 0 || (int32_t)(claim.generation - last) > 0);
		last = claim.generation;
		close(fd);
		claim = (struct bellwire_claim){ 0 };
	}
}

/* Nor can a process that overwrites the number make it go back. */
static void generation_is_the_modules(void)
{
	int fd = open_device(O_RDWR);
	struct bellwire_claim claim = { 0 };
	uint32_t first;

	EXPECT(ioctl(fd, BELLWIRE_CLAIM, &claim) == 0);
	first = claim.generation;
	map_queue(fd)->driver.generation = 77777;
	EXPECT(ioctl(fd, BELLWIRE_RESET, (claim = (struct bellwire_claim){ 0 }, &claim)) == 0);
	EXPECT(claim.generation == first + 2);
}

/* Interrupts may come, and be recorded, meanwhile. */
static void records(void)
{
	int fd = open_device(O_RDWR), rung = 0;
	struct bellwire_claim claim = { 0 };
	struct bellwire_queue_control *map;
	const struct bellwire_record *ring;
	uint64_t before;

	EXPECT(ioctl(fd, BELLWIRE_CLAIM, &claim) == 0);
	map = mmap(NULL, claim.map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED && claim.trace_entries);
	ring = (void *)map +
	       bellwire_records_offset(claim.ring_entries, claim.trace_entries, BELLWIRE_MODULE);
	before = map->sides[BELLWIRE_MODULE].written;
	EXPECT(ioctl(fd, BELLWIRE_RING) == 0);
	EXPECT(map->sides[BELLWIRE_MODULE].written == before);

	__atomic_fetch_or(&map->recording.recording, BELLWIRE_GUEST_RECORDS, __ATOMIC_SEQ_CST);
	map->submit.submitted = 7;
	EXPECT(ioctl(fd, BELLWIRE_RING) == 0);
	for (uint64_t i = before; i < map->sides[BELLWIRE_MODULE].written; i++) {
		const struct bellwire_record *record = &ring[i % claim.trace_entries];

		EXPECT(record->ticks && record->ticks <= __builtin_ia32_rdtsc());
		EXPECT(record->generation == (uint16_t)claim.generation);
		rung += record->stage == BELLWIRE_RUNG && record->index == 7;
	}
	EXPECT(rung == 1);
}

const struct test mapping_tests[] = {
	{ "mmap: the whole queue or a part, nothing beyond", lengths, 0 },
	{ "mmap: EINVAL for a private mapping", private_mapping, 0 },
	{ "mmap: a mapping can't grow", no_growing, 0 },
	{ "mmap: all of the payload can be written and read", all_of_it, 0 },
	{ "mmap: two queues' memories are apart", not_the_neighbours, 0 },
	{ "a mapping keeps the queue after close", keeps_the_queue, 0 },
	{ "a fork keeps the queue after close", a_fork_keeps_the_queue, 0 },
	{ "claim and reset begin a generation", generation, 0 },
	{ "the generation grows from claim to claim", generation_grows, 0 },
	{ "a process that writes the generation doesn't change the next", generation_is_the_modules,
	  0 },
	{ "a ring is recorded only while somebody records", records, 0 },
	{ 0 },
};
