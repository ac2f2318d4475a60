// SPDX-License-Identifier: BSD-3-Clause
//
// Loads the student's code, and tries each scenario in a process of its own.
//
//   explorer LIBRARY REPORT SECRET SCENARIO…
//
// Reads a word from the descriptor SECRET before the student's library is loaded, and writes a line
// to the descriptor REPORT for each scenario. The line has that word.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child_state.h"
#include "explorer.h"

enum { most_segments = 8, look_ms = 5, looks_asleep = 40, fork_ms = 50, fork_tries = 200 };

struct segment {
  void *place, *copy;
  size_t size;
};

static uint64_t word;
static int to;
static void* library;
static const char* base;  // of the student's library
static struct segment segments[most_segments];
static int segment_count;

void report(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (vdprintf(to, format, arguments) < 0) _exit(5);
  va_end(arguments);
}

void report_start(void) {
  report("{\"word\": %llu, \"scenario\": \"%s\", \"runs\": %ld", (unsigned long long)word,
         scenario->name, run_count());
}

uint64_t secret(uint32_t number) {
  uint64_t mixed = word + number * 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
  return mixed ^ mixed >> 31;
}

long student_offset(const void* place) {
  Dl_info found;
  return dladdr(place, &found) && found.dli_fbase == base ? (const char*)place - base : 0;
}

static int keep_segments(struct dl_phdr_info* info, size_t size, void* unused) {
  (void)size;
  (void)unused;
  if ((const char*)info->dlpi_addr != base) return 0;
  for (int i = 0; i < info->dlpi_phnum && segment_count < most_segments; i++) {
    const ElfW(Phdr)* header = &info->dlpi_phdr[i];
    if (header->p_type != PT_LOAD || !(header->p_flags & PF_W)) continue;
    struct segment* kept = &segments[segment_count++];
    kept->place = (char*)info->dlpi_addr + header->p_vaddr;
    kept->size = header->p_memsz;
    kept->copy = malloc(kept->size);
    if (!kept->copy) _exit(5);
    memcpy(kept->copy, kept->place, kept->size);
  }
  return 1;
}

void restore_student(void) {
  for (int i = 0; i < segment_count; i++)
    memcpy(segments[i].place, segments[i].copy, segments[i].size);
}

static void* find(const char* name) {
  return dlsym(library, name);
}

// Returns why it can't be tried, or NULL.
static const char* load(const char* path) {
  static char why[256];
  library = dlopen(path, RTLD_NOW);
  if (!library) {
    const char* said = dlerror();
    const char* reason = strstr(said, ": ");
    snprintf(why, sizeof(why), "the code can't be loaded%s", reason ? reason : "");
    return why;
  }
  struct link_map* map;
  dlinfo(library, RTLD_DI_LINKMAP, &map);
  base = (const char*)map->l_addr;
  dl_iterate_phdr(keep_segments, NULL);
  const char* missing = find_functions(find);
  snprintf(why, sizeof(why), "there is no function %s()", missing ? missing : "");
  return missing ? why : NULL;
}

static void end(pid_t child, const char* why, int number) {
  if (child > 0) kill(child, SIGKILL), waitpid(child, NULL, 0);
  report_start();
  report(", \"wrong\": \"%s", why);
  if (number) report(" %d", number);
  report("\", \"story\": []}\n");
}

// The explorer itself never waits. So who does is the student's code.
static void watch(pid_t child) {
  int status, asleep_for = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    asleep_for = state(child) == 'S' ? asleep_for + 1 : 0;
    if (asleep_for == looks_asleep)
      return end(child, "it waits for something that is no doorbell", 0);
    const struct timespec pause = {.tv_nsec = look_ms * 1000000};
    nanosleep(&pause, NULL);
  }
  if (WIFSIGNALED(status))
    end(child, "its process was killed by signal", WTERMSIG(status));
  else if (WEXITSTATUS(status) != reported)
    end(child, "its process ended", 0);
}

// Waits while this user has too many processes: others may be graded at the same time.
static pid_t fork_soon(void) {
  const struct timespec pause = {.tv_nsec = fork_ms * 1000000};
  pid_t child;
  for (int tries = 0; (child = fork()) < 0 && errno == EAGAIN && tries < fork_tries; tries++)
    nanosleep(&pause, NULL);
  return child;
}

static const struct scenario* find_scenario(const char* name) {
  for (const struct scenario* const* table = scenarios; *table; table++)
    for (const struct scenario* each = *table; each->name; each++)
      if (strcmp(each->name, name) == 0) return each;
  fprintf(stderr, "there is no scenario '%s'\n", name);
  _exit(4);
}

static void try_scenario(const char* name, const char* trouble) {
  scenario = find_scenario(name);
  const pid_t child = fork_soon();
  if (child < 0) return end(-1, "no process can be started: errno", errno);
  if (child == 0) {
    if (trouble) wrong("%s", trouble);
    explore();
    _exit(reported);
  }
  watch(child);
}

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  to = atoi(argv[2]);
  if (read(atoi(argv[3]), &word, sizeof(word)) != sizeof(word)) return 5;
  word >>= 1;
  const char* trouble = load(argv[1]);
  for (int i = 4; i < argc; i++) try_scenario(argv[i], trouble);
  return 0;
}
