// SPDX-License-Identifier: BSD-3-Clause
//
// Runs in the guest, and tests the driver and the device by /dev/squarer0. Prints a report in KTAP;
// exit status: 0 if every test passed, otherwise 1.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int tests, failures;

static void report(int good, const char* what) {
  ++tests;
  if (!good) ++failures;
  printf("%s %d %s\n", good ? "ok" : "not ok", tests, what);
}

// The device's answer to this text; 0 if it refuses, and errno says why.
static unsigned square(int file, const char* number) {
  char text[16] = "";
  if (write(file, number, strlen(number)) < 0 || read(file, text, sizeof text - 1) < 0) return 0;
  return (unsigned)strtoul(text, NULL, 10);
}

static int squares_all(int file, unsigned count) {
  char text[16];
  for (unsigned number = 1; number <= count; ++number) {
    snprintf(text, sizeof text, "%u", number);
    if (square(file, text) != number * number) return 0;
  }
  return 1;
}

int main(void) {
  const int file = open("/dev/squarer0", O_RDWR);
  printf("KTAP version 1\n1..5\n");
  report(file >= 0, "the driver has found the device");
  report(square(file, "12") == 144, "12 is squared");
  report(square(file, "65537") == 131073, "of a square that is too large the low bits are left");
  report(square(file, "twelve") == 0 && errno == EINVAL, "what is no number is refused");
  report(squares_all(file, 1000), "a thousand numbers are squared, one interrupt each");
  return failures != 0;
}
