/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of hands.c that uses the queues of devices, by the guest's library. */
#include <bellwire/guest.h>

#define GUESTS 8
#define AREA 2048 /* bytes of a request: half of them for its input, half for its output */
#define AREAS 8
#define UNTOUCHED 0xee /* an output before the device has written it */

static struct {
  struct bellwire_guest* guest;
  unsigned int submitted, taken;
  unsigned int room[AREAS];
} queues[GUESTS];

static long do_claim(char** words) {
  long n = number(words[0]);
  int error = bellwire_guest_open(words[1], &queues[n].guest);

  queues[n].submitted = queues[n].taken = 0;
  return error ? error : bellwire_guest_claim(queues[n].guest, BELLWIRE_ANY_QUEUE);
}

static long do_submit(char** words) {
  long n = number(words[0]);
  unsigned int at = queues[n].submitted % AREAS, room = number(words[2]), size;
  unsigned char* payload = bellwire_guest_payload(queues[n].guest, NULL);
  struct bellwire_request request = {.operation = number(words[1])};
  int error;

  size = from_hex(words[3]);
  if (!payload || size > AREA / 2 || room > AREA / 2) return -EINVAL;
  memcpy(payload + at * AREA, bytes, size);
  memset(payload + at * AREA + AREA / 2, UNTOUCHED, AREA / 2);
  request.input_offset = at * AREA;
  request.input_length = size;
  request.output_offset = at * AREA + AREA / 2;
  request.output_length = room;
  request.cookie = queues[n].submitted;
  error = bellwire_guest_submit(queues[n].guest, &request, 1);
  if (!error) queues[n].room[queues[n].submitted++ % AREAS] = room;
  return error;
}

/* Brings the result, the length, the cookie, and all of the output. */
static long do_take(char** words) {
  long n = number(words[0]);
  unsigned int at = queues[n].taken % AREAS;
  unsigned char* payload = bellwire_guest_payload(queues[n].guest, NULL);
  struct bellwire_completion completion;
  int error = bellwire_guest_wait(queues[n].guest, &completion, number(words[1]));

  if (error) return error;
  queues[n].taken++;
  memcpy(bytes, &completion.result, 8);
  memcpy(bytes + 8, &completion.length, 4);
  memcpy(bytes + 12, &completion.cookie, 8);
  memcpy(bytes + 20, payload + at * AREA + AREA / 2, AREA / 2);
  brought = 20 + queues[n].room[at];
  return completion.status;
}

static long do_reset(char** words) {
  long n = number(words[0]);

  queues[n].submitted = queues[n].taken = 0;
  return bellwire_guest_reset(queues[n].guest);
}

static long do_release(char** words) {
  long n = number(words[0]);

  bellwire_guest_close(queues[n].guest);
  queues[n].guest = NULL;
  return 0;
}

#define QUEUE_COMMANDS                                                                  \
  {"claim", do_claim}, {"submit", do_submit}, {"take", do_take}, {"reset", do_reset}, { \
    "release", do_release                                                               \
  }
