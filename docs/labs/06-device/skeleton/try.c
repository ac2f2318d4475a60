/* SPDX-License-Identifier: BSD-3-Clause */
/* Yours to play with: `make run` runs it in a VM. The grader does not look at it. */
#include <bellwire/guest.h>
#include <stdio.h>
#include <string.h>

#include "lab_device.h"

int main(void) {
  struct bellwire_guest* guest = NULL;
  struct bellwire_request request = {
      .operation = LAB_REVERSE, .input_length = 5, .output_offset = 8, .output_length = 5};
  struct bellwire_completion completion = {0};
  char* payload;

  if (bellwire_guest_open(LAB_DEVICE, &guest) || bellwire_guest_claim(guest, BELLWIRE_ANY_QUEUE)) {
    fprintf(stderr, "no device\n");
    return 1;
  }
  payload = bellwire_guest_payload(guest, NULL);
  memcpy(payload, "hello", 5);
  bellwire_guest_submit(guest, &request, 1);
  printf("wait: %d\n", bellwire_guest_wait(guest, &completion, 1000));
  printf("status %d, result %llu, output %.5s\n", completion.status,
         (unsigned long long)completion.result, payload + 8);
  bellwire_guest_close(guest);
  return 0;
}
