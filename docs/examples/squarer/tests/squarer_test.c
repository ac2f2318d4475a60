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

static int report(int good, const char* what) {
  ++tests;
  if (!good) ++failures;
  printf("%s %d %s\n", good ? "ok" : "not ok", tests, what);
  return good;
}

// Asks for the square of a text. 0, or a negative errno.
static int ask(int file, const char* number, unsigned* square) {
  char text[16] = "";
  if (write(file, number, strlen(number)) < 0) return -errno;
  if (read(file, text, sizeof text - 1) < 0) return -errno;
  *square = (unsigned)strtoul(text, NULL, 10);
  return 0;
}

// If it is another one, a remark says which.
static int squares_to(int file, const char* number, unsigned expected) {
  unsigned square = 0;
  const int error = ask(file, number, &square);
  if (error) printf("# %s: %s\n", number, strerror(-error));
  if (!error && square != expected) printf("# %s: %u, not %u\n", number, square, expected);
  return !error && square == expected;
}

static int squares_all(int file, unsigned count) {
  char text[16];
  for (unsigned number = 1; number <= count; ++number) {
    snprintf(text, sizeof text, "%u", number);
    if (!squares_to(file, text, number * number)) return 0;
  }
  return 1;
}

int main(void) {
  const int file = open("/dev/squarer0", O_RDWR);
  unsigned square = 0;
  setvbuf(stdout, NULL, _IOLBF, 0);  // if it hangs, what it has reported is there
  printf("KTAP version 1\n1..5\n");
  if (!report(file >= 0, "the driver has found the device")) {
    printf("Bail out! /dev/squarer0: %s\n", strerror(errno));
    return 1;
  }
  report(squares_to(file, "12", 144), "12 is squared");
  report(squares_to(file, "65537", 131073), "of a square that is too large the low bits are left");
  report(ask(file, "twelve", &square) == -EINVAL, "what is no number is refused");
  report(squares_all(file, 1000), "a thousand numbers are squared, one interrupt each");
  return failures != 0;
}
