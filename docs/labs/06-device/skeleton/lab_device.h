/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a driver can ask the device "lab6" for, for both sides. Numbers are
 * little-endian. A request that does not fit its operation is completed with
 * BELLWIRE_BAD_LENGTH, one of any other operation with BELLWIRE_BAD_OPERATION.
 */
#ifndef LAB_DEVICE_H
#define LAB_DEVICE_H

#define LAB_DEVICE "lab6"

enum lab_operation {
  /* The output gets the bytes of the input, the last one first. The completion's length and result
   * are their number. The output has to be at least as long as the input. */
  LAB_REVERSE = 1,

  /* The input is a number of 64 bits. The result is the sum of all numbers that were added since
   * the device started, by whatever queue. */
  LAB_ADD = 2,

  /* The input is a number of 32 bits: milliseconds. The request is completed when they have passed,
   * with that number as its result. Meanwhile the device serves other queues as before. If the
   * driver resets the queue, or the device ends, nobody waits for the time to pass. */
  LAB_LATER = 3,
};

#endif
