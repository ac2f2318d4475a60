// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "bare.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

void bare_copy(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
}

#if defined(__x86_64__)
bool bare_has_crc32c(void)
{
	return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) uint32_t bare_crc32c(const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint64_t crc = 0xffffffff;

	for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t), at += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		crc = _mm_crc32_u64(crc, word);
	}
	return ~(uint32_t)crc;
}
#else
bool bare_has_crc32c(void)
{
	return false;
}

uint32_t bare_crc32c(const void *bytes, size_t size)
{
	(void)bytes, (void)size;
	return 0;
}
#endif
