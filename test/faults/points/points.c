/*
 * Makes a fault at an exact point of the engine's work: preloaded into it, this stands between the engine and the system
 * calls that leave something behind. /opt/faults/points has a line for each fault: ACTION KEY, where a KEY that ends in *
 * is the beginning of one; and /opt/faults/hit gets a file for each KEY that was met, so that each is met once.
 *
 * ACTION  kill | stop | the errno that the call fails with: ENOSPC, EROFS, EIO
 * KEY     started:STEP | done:STEP     about to tell the desk so
 *         journaled:STEP               the journal's `before` is on disk, nothing was applied yet
 *         applied:STEP                 all was applied, the journal's `after` is not written yet
 *         journal:PHASE:STEP           about to write that line of the journal
 *         write:PATH create:PATH rename:PATH sync:PATH    about to do so; digests and temporary suffixes are left out
 *
 * And it shifts the clock by as many seconds as the file says that FAULTS_CLOCK names: the engine's, and the desk's where it
 * is preloaded into that.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define POINTS "/opt/faults/points"
#define HIT "/opt/faults/hit/"
#define JOURNAL "/var/lib/mojabox/journal.ndjson"
/* What stands behind these here; looked up once: dlsym takes a lock, and a signal handler writes too. */
#define EACH(what) \
  what(write) what(pwrite) what(pwrite64) what(writev) what(pwritev) what(pwritev64) what(sendmsg) what(fsync) \
  what(fdatasync) what(rename) what(link) what(symlink) what(mkdir) what(open) what(open64) what(clock_gettime) \
  what(gettimeofday) what(time)
#define FIELD(name) typeof(&name) name;
static struct { EACH(FIELD) } reals;
#define REAL(name) (reals.name ? reals.name : (look_up(), reals.name))

static int engine;
static char journaled[PATH_MAX];
static char clock_path[PATH_MAX];

#define LOOK_UP(name) reals.name = (typeof(&name))dlsym(RTLD_NEXT, #name);
static void look_up(void) { EACH(LOOK_UP) }

__attribute__((constructor)) static void begin(void) {
  look_up();
  char line[4096];
  int fd = REAL(open)("/proc/self/cmdline", O_RDONLY);
  ssize_t length = fd < 0 ? 0 : read(fd, line, sizeof line);
  if (fd >= 0) close(fd);
  static const char words[] = "\0node\0engine";
  engine = length > 0 && memmem(line, length, words, sizeof words) != NULL;
  const char *clock = getenv("FAULTS_CLOCK");
  if (clock) snprintf(clock_path, sizeof clock_path, "%s", clock);
  /* What the engine starts is not to be stopped here. */
  unsetenv("LD_PRELOAD");
}

static int errno_of(const char *action) {
  if (strcmp(action, "EROFS") == 0) return EROFS;
  return strcmp(action, "EIO") == 0 ? EIO : ENOSPC;
}

/* 0: go on; otherwise the errno to fail with. */
static int point(const char *key) {
  FILE *points = fopen(POINTS, "re");
  if (!points) return 0;
  char line[PATH_MAX], action[16] = "", wanted[PATH_MAX] = "";
  int found = 0;
  while (!found && fgets(line, sizeof line, points)) {
    if (sscanf(line, "%15s %4000s", action, wanted) != 2) continue;
    size_t length = strlen(wanted);
    int begins = wanted[length - 1] == '*';
    found = begins ? strncmp(key, wanted, length - 1) == 0 : strcmp(key, wanted) == 0;
  }
  fclose(points);
  if (!found) return 0;
  char hit[PATH_MAX + sizeof HIT];
  snprintf(hit, sizeof hit, HIT "%s", key);
  for (char *at = hit + strlen(HIT); *at; at++) if (*at == '/') *at = '!';
  int fd = REAL(open)(hit, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return 0;
  close(fd);
  if (strcmp(action, "kill") == 0) kill(getpid(), SIGKILL);
  else if (strcmp(action, "stop") != 0) return errno_of(action);
  kill(getpid(), SIGSTOP);
  return 0;
}

/* The text between `before` and the next quote. */
static int quoted(const char *bytes, size_t length, const char *before, char *into, size_t room) {
  const char *at = memmem(bytes, length, before, strlen(before));
  if (!at) return 0;
  at += strlen(before);
  const char *end = memchr(at, '"', bytes + length - at);
  if (!end || (size_t)(end - at) >= room) return 0;
  memcpy(into, at, end - at);
  into[end - at] = 0;
  return 1;
}

static void told(const char *bytes, size_t length) {
  char key[PATH_MAX] = "started:";
  if (quoted(bytes, length, "\"type\":\"step-started\",\"id\":\"", key + 8, sizeof key - 8)) point(key);
  strcpy(key, "done:");
  if (quoted(bytes, length, "\"type\":\"step-done\",\"id\":\"", key + 5, sizeof key - 5)) point(key);
}

static int journal(const char *bytes, size_t length) {
  char phase[32], step[1024], key[PATH_MAX];
  if (!quoted(bytes, length, "\"phase\":\"", phase, sizeof phase)) return 0;
  if (!quoted(bytes, length, "\"step\":{\"id\":\"", step, sizeof step)) return 0;
  snprintf(key, sizeof key, "journal:%s:%s", phase, step);
  int error = point(key);
  if (error) return error;
  if (strcmp(phase, "after") == 0) {
    snprintf(key, sizeof key, "applied:%s", step);
    return point(key);
  }
  if (strcmp(phase, "before") == 0) snprintf(journaled, sizeof journaled, "journaled:%s", step);
  return 0;
}

/* Digests become BLOB, and what is put behind a name while it is written goes. */
static void plain(char *path) {
  size_t length = strlen(path);
  if (length >= 64 && strspn(path + length - 64, "0123456789abcdef") == 64) strcpy(path + length - 64, "BLOB");
  char *dot = strrchr(path, '.');
  if (dot && dot[1] && strspn(dot + 1, "0123456789") == strlen(dot + 1)) *dot = 0;
}

static int on_path(const char *what, const char *path) {
  if (strncmp(path, "/var/", 5) && strncmp(path, "/etc/", 5) && strncmp(path, "/usr/", 5)) return 0;
  char key[PATH_MAX + 16];
  snprintf(key, sizeof key, "%s:%s", what, path);
  plain(key);
  return point(key);
}

static int path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return 1;
}

static int on_write(int fd, const char *bytes, size_t length) {
  char path[PATH_MAX];
  if (!engine || !path_of(fd, path)) return 0;
  if (strncmp(path, "socket:", 7) == 0) return told(bytes, length), 0;
  return strcmp(path, JOURNAL) == 0 ? journal(bytes, length) : on_path("write", path);
}

static int on_vector(int fd, const struct iovec *parts, int count) {
  for (int at = 0; at < count; at++) {
    int error = on_write(fd, parts[at].iov_base, parts[at].iov_len);
    if (error) return error;
  }
  return 0;
}

#define UNLESS(check) do { int error = (check); if (error) { errno = error; return -1; } } while (0)

ssize_t write(int fd, const void *bytes, size_t length) {
  UNLESS(on_write(fd, bytes, length));
  return REAL(write)(fd, bytes, length);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  UNLESS(on_write(fd, bytes, length));
  return REAL(pwrite)(fd, bytes, length, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  UNLESS(on_write(fd, bytes, length));
  return REAL(pwrite64)(fd, bytes, length, offset);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  UNLESS(on_vector(fd, parts, count));
  return REAL(writev)(fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  UNLESS(on_vector(fd, parts, count));
  return REAL(pwritev)(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  UNLESS(on_vector(fd, parts, count));
  return REAL(pwritev64)(fd, parts, count, offset);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  UNLESS(on_vector(fd, message->msg_iov, message->msg_iovlen));
  return REAL(sendmsg)(fd, message, flags);
}

static int on_sync(int fd) {
  char path[PATH_MAX];
  if (!engine || !path_of(fd, path)) return 0;
  if (strcmp(path, JOURNAL) != 0) return on_path("sync", path);
  if (!*journaled) return 0;
  char key[PATH_MAX];
  strcpy(key, journaled);
  *journaled = 0;
  return point(key);
}
int fsync(int fd) {
  UNLESS(on_sync(fd));
  return REAL(fsync)(fd);
}
int fdatasync(int fd) {
  UNLESS(on_sync(fd));
  return REAL(fdatasync)(fd);
}

int rename(const char *from, const char *to) {
  UNLESS(engine ? on_path("rename", to) : 0);
  return REAL(rename)(from, to);
}
int link(const char *from, const char *to) {
  UNLESS(engine ? on_path("create", to) : 0);
  return REAL(link)(from, to);
}
int symlink(const char *target, const char *path) {
  UNLESS(engine ? on_path("create", path) : 0);
  return REAL(symlink)(target, path);
}
int mkdir(const char *path, mode_t mode) {
  UNLESS(engine && access(path, F_OK) != 0 ? on_path("create", path) : 0);
  return REAL(mkdir)(path, mode);
}

static int on_open(const char *path, int flags) {
  return engine && (flags & O_CREAT) && access(path, F_OK) != 0 ? on_path("create", path) : 0;
}
#define MODE(flags, mode) \
  mode_t mode = 0; \
  if ((flags) & O_CREAT) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
int open(const char *path, int flags, ...) {
  MODE(flags, mode)
  UNLESS(on_open(path, flags));
  return REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE(flags, mode)
  UNLESS(on_open(path, flags));
  return REAL(open64)(path, flags, mode);
}

static long shift(void) {
  if (!*clock_path) return 0;
  char text[32];
  int fd = REAL(open)(clock_path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[length > 0 ? length : 0] = 0;
  return atol(text);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = REAL(clock_gettime)(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
  return result;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  int result = REAL(gettimeofday)(now, zone);
  if (result == 0) now->tv_sec += shift();
  return result;
}
time_t time(time_t *into) {
  time_t now = REAL(time)(NULL) + shift();
  if (into) *into = now;
  return now;
}
