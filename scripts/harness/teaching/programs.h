/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of hands.c that runs a student's program, as a user of its own with bounds on what it
 * takes, and looks into files that the two share. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PROGRAM_USER 1000
#define PROGRAM_PORT 100 /* the program's descriptor; at its other end are we */
#define PROGRAM_KILLS 10 /* times that all processes of the user are killed, as some may be new */

/* A file in memory, which a program that is started inherits. */
static long do_memory(char** words) {
  int file = memfd_create("shared", 0);

  return result(file < 0 || ftruncate(file, number(words[0])) ? -1 : file);
}

static long do_readat(char** words) {
  return bring(pread(number(words[0]), bytes, number(words[2]), number(words[1])));
}

static long do_writeat(char** words) {
  size_t size = from_hex(words[2]);

  return result(pwrite(number(words[0]), bytes, size, number(words[1])));
}

static void limit(int what, rlim_t most) {
  struct rlimit both = {.rlim_cur = most, .rlim_max = most};

  if (setrlimit(what, &both)) _exit(126);
}

static void become(int port, const char* path) {
  int nothing = open("/dev/null", O_RDWR);

  signal(SIGPIPE, SIG_DFL);
  limit(RLIMIT_NPROC, 16);
  limit(RLIMIT_NOFILE, 256);
  limit(RLIMIT_FSIZE, 1 << 20);
  limit(RLIMIT_AS, 256 << 20);
  limit(RLIMIT_CORE, 0);
  for (int i = 0; i < 3; i++) dup2(nothing, i);
  if (dup2(port, PROGRAM_PORT) < 0 || setgid(PROGRAM_USER) || setuid(PROGRAM_USER)) _exit(126);
  execl(path, path, NULL);
  _exit(127);
}

/* Starts it; it has what we hold without O_CLOEXEC. Brings its number. */
static long do_program(char** words) {
  int ends[2], child;

  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return -errno;
  signal(SIGPIPE, SIG_IGN); /* it may have ended when we write to it */
  child = fork();
  if (child == 0) become(ends[1], words[0]);
  close(ends[1]);
  memcpy(bytes, &child, sizeof(child));
  brought = sizeof(child);
  return result(child < 0 ? -1 : ends[0]);
}

static long do_signal(char** words) {
  return result(kill(number(words[0]), number(words[1])));
}

static void kill_all(void) {
  if (fork() == 0) {
    if (setuid(PROGRAM_USER) == 0) kill(-1, SIGKILL);
    _exit(0);
  }
}

/* Kills what runs of it, and waits for its end; the result is its wait status. */
static long do_end(char** words) {
  int status = 0, other, child = number(words[0]);

  for (int i = 0; i < PROGRAM_KILLS; i++) kill_all();
  if (waitpid(child, &status, 0) < 0) return -errno;
  while (waitpid(-1, &other, 0) > 0) continue;
  return status;
}

/* Likewise, of one that has ended by itself; -EAGAIN if it runs. */
static long do_ended(char** words) {
  siginfo_t found = {0};
  int error = waitid(P_PID, number(words[0]), &found, WEXITED | WNOHANG | WNOWAIT);

  if (error || !found.si_pid) return error ? -errno : -EAGAIN;
  return found.si_code == CLD_EXITED ? found.si_status << 8 : found.si_status;
}

#define PROGRAM_COMMANDS                                                                          \
  {"memory", do_memory}, {"readat", do_readat}, {"writeat", do_writeat}, {"program", do_program}, \
      {"signal", do_signal}, {"end", do_end}, {                                                   \
    "ended", do_ended                                                                             \
  }
