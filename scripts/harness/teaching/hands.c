/* SPDX-License-Identifier: BSD-3-Clause */
/* The grader's hands in a guest: does what each line of its input says, and answers with a line:
 * the result, which is minus errno if it failed, and for some the bytes that it brought, as hex
 * digits.
 *
 *   open PATH               close FD               closeall
 *   eventfd COUNT FLAGS     read FD SIZE           write FD HEX
 *   poll FD EVENTS MS       ioctl FD COMMAND N     ioctlp FD COMMAND HEX
 *   load PATH               unload NAME            sleep MS
 *   get PATH                put PATH HEX           peek PATH OFFSET
 *   list PATH               the names in a folder, a line each
 *   claim N NAME            submit N OPERATION ROOM HEX    take N MS    reset N    release N
 *                           of up to 8 queues of devices of bellwire's (built with -DQUEUES)
 *   memory SIZE             readat FD OFFSET SIZE  writeat FD OFFSET HEX
 *   program PATH            signal PID N           ended PID            end PID
 *                           a program of a student's (built with -DPROGRAMS)
 *   threads [PREFIX]        of kernel threads: "NAME STATE SWITCHES" in a line for each
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORDS 4 /* behind the first */
#define MOST (1 << 16)

static unsigned char bytes[MOST]; /* what a command takes or brings */
static size_t brought;

static long number(const char* word) {
  return word ? strtol(word, NULL, 0) : 0;
}

static long result(long value) {
  return value < 0 ? -errno : value;
}

static size_t from_hex(const char* word) {
  size_t size = 0;
  unsigned int byte;

  while (word && size < MOST && sscanf(word + 2 * size, "%2x", &byte) == 1) bytes[size++] = byte;
  return size;
}

static long do_open(char** words) {
  return result(open(words[0], O_RDWR | O_CLOEXEC));
}

static long do_close(char** words) {
  return result(close(number(words[0])));
}

static long do_closeall(char** words) {
  (void)words;
  return result(syscall(SYS_close_range, 3, ~0U, 0));
}

static long do_eventfd(char** words) {
  return result(eventfd(number(words[0]), number(words[1])));
}

static long bring(long size) {
  brought = size > 0 ? size : 0;
  return result(size);
}

static long do_read(char** words) {
  return bring(read(number(words[0]), bytes, number(words[1])));
}

static long do_write(char** words) {
  return result(write(number(words[0]), bytes, from_hex(words[1])));
}

static long do_poll(char** words) {
  struct pollfd look = {.fd = number(words[0]), .events = number(words[1])};
  long ready = poll(&look, 1, number(words[2]));

  return ready < 0 ? -errno : look.revents;
}

static long do_ioctl(char** words) {
  return result(ioctl(number(words[0]), number(words[1]), number(words[2])));
}

static long do_ioctlp(char** words) {
  size_t size = from_hex(words[2]);
  long value = result(ioctl(number(words[0]), number(words[1]), bytes));

  brought = size;
  return value;
}

static long do_load(char** words) {
  int file = open(words[0], O_RDONLY | O_CLOEXEC);
  long value = result(file < 0 ? file : syscall(SYS_finit_module, file, "", 0));

  close(file);
  return value;
}

static long do_unload(char** words) {
  return result(syscall(SYS_delete_module, words[0], O_NONBLOCK));
}

static long do_sleep(char** words) {
  return result(poll(NULL, 0, number(words[0])));
}

static long do_get(char** words) {
  int file = open(words[0], O_RDONLY | O_CLOEXEC);
  size_t size = 0;
  ssize_t more;

  if (file < 0) return -errno;
  while (size < MOST && (more = read(file, bytes + size, MOST - size)) > 0) size += more;
  close(file);
  return bring(size);
}

static long do_put(char** words) {
  int file = open(words[0], O_WRONLY | O_CLOEXEC);
  long value = result(file < 0 ? file : write(file, bytes, from_hex(words[1])));

  close(file);
  return value;
}

static long do_list(char** words) {
  DIR* all = opendir(words[0]);
  struct dirent* each;
  long size = 0;

  if (!all) return -errno;
  while ((each = readdir(all)) && size < MOST - 257)
    if (each->d_name[0] != '.') size += sprintf((char*)bytes + size, "%s\n", each->d_name);
  closedir(all);
  return bring(size);
}

static long do_peek(char** words) {
  size_t page = getpagesize(), offset = number(words[1]);
  int file = open(words[0], O_RDWR | O_SYNC | O_CLOEXEC);
  void* at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, file, offset / page * page);
  long value;

  if (at == MAP_FAILED) return -errno;
  value = *(volatile uint32_t*)((char*)at + offset % page);
  munmap(at, page);
  close(file);
  return value;
}

/* Of a line "KEY: N" in /proc/PID/status; for State, the letter. */
static long status(const char* pid, const char* key) {
  char path[64], line[256];
  long found = -1;
  FILE* file;

  snprintf(path, sizeof(path), "/proc/%.20s/status", pid);
  file = fopen(path, "re");
  while (file && fgets(line, sizeof(line), file))
    if (!strncmp(line, key, strlen(key)))
      found = strcmp(key, "State:") ? strtol(line + strlen(key), NULL, 10) : line[strlen(key) + 1];
  if (file) fclose(file);
  return found;
}

static void name_of(const char* pid, char name[32]) {
  char path[64];
  FILE* file;

  snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
  file = fopen(path, "re");
  if (!file || !fgets(name, 32, file)) *name = 0;
  name[strcspn(name, "\n")] = 0;
  if (file) fclose(file);
}

#define KTHREADD 2

static long do_threads(char** words) {
  const char* prefix = words[0] ? words[0] : "";
  DIR* all = opendir("/proc");
  struct dirent* each;
  char name[32];
  long size = 0;

  while ((each = readdir(all)) && size < MOST - 128) {
    if (!strtol(each->d_name, NULL, 10)) continue;
    name_of(each->d_name, name);
    if (strncmp(name, prefix, strlen(prefix)) || status(each->d_name, "PPid:") != KTHREADD)
      continue;
    size += sprintf((char*)bytes + size, "%s %c %ld\n", name, (int)status(each->d_name, "State:"),
                    status(each->d_name, "voluntary_ctxt_switches:"));
  }
  closedir(all);
  return bring(size);
}

#ifdef QUEUES
#include "queues.h"
#endif
#ifdef PROGRAMS
#include "programs.h"
#endif

static const struct {
  const char* name;
  long (*run)(char** words);
} commands[] = {
#ifdef QUEUES
    QUEUE_COMMANDS,
#endif
#ifdef PROGRAMS
    PROGRAM_COMMANDS,
#endif
    {"open", do_open},       {"close", do_close},     {"closeall", do_closeall},
    {"eventfd", do_eventfd}, {"read", do_read},       {"write", do_write},
    {"poll", do_poll},       {"ioctl", do_ioctl},     {"ioctlp", do_ioctlp},
    {"load", do_load},       {"unload", do_unload},   {"sleep", do_sleep},
    {"get", do_get},         {"put", do_put},         {"peek", do_peek},
    {"list", do_list},       {"threads", do_threads},
};

static long obey(char* line) {
  char *words[WORDS] = {0}, *name = strtok(line, " \n");
  size_t i;

  for (i = 0; i < WORDS; i++) words[i] = strtok(NULL, " \n");
  for (i = 0; name && i < sizeof(commands) / sizeof(*commands); i++)
    if (!strcmp(commands[i].name, name)) return commands[i].run(words);
  return -ENOSYS;
}

int main(void) {
  static char line[3 * MOST];

  while (fgets(line, sizeof(line), stdin)) {
    brought = 0;
    printf("%ld ", obey(line));
    for (size_t i = 0; i < brought; i++) printf("%02x", bytes[i]);
    printf("\n");
    fflush(stdout);
  }
  return 0;
}
