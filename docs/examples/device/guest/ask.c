// SPDX-License-Identifier: BSD-3-Clause
//
// ask NUMBER...: in the guest, asks the device "sum" (../sum.hpp) for the sum of these numbers, by
// the guest's library. Exit status: 0, and the sum on standard output; 1 it could not; 2 wrong
// usage.
#include <bellwire/guest.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 10000

static int fail(const char* what, int error) {
  fprintf(stderr, "ask: %s: %s\n", what, strerror(-error));
  return 1;
}

// All numbers are one request.
static int ask(struct bellwire_guest* guest, char** numbers, uint32_t count) {
  const struct bellwire_request request = {.cookie = count, .input_length = count * 4};
  struct bellwire_completion completion;
  size_t size = 0;
  uint32_t* const payload = bellwire_guest_payload(guest, &size);
  if (count > size / 4) return fail("so many numbers", -E2BIG);
  for (uint32_t at = 0; at < count; ++at) payload[at] = (uint32_t)strtoul(numbers[at], NULL, 0);

  int error = bellwire_guest_submit(guest, &request, 1);
  if (error) return fail("cannot submit", error);
  error = bellwire_guest_wait(guest, &completion, WAIT_MS);
  if (error) return fail("no completion", error);
  if (completion.status != BELLWIRE_DONE) return fail("the device refuses", -EINVAL);
  printf("%llu\n", (unsigned long long)completion.result);
  return 0;
}

int main(int argc, char** argv) {
  struct bellwire_guest* guest = NULL;
  if (argc < 2) {
    fprintf(stderr, "usage: ask NUMBER...\n");
    return 2;
  }
  int error = bellwire_guest_open("sum", &guest);
  if (error) return fail("no device 'sum'", error);
  error = bellwire_guest_claim(guest, BELLWIRE_ANY_QUEUE);
  const int status = error ? fail("no queue", error) : ask(guest, argv + 1, (uint32_t)(argc - 1));
  bellwire_guest_close(guest);
  return status;
}
