/* The greeting and the listening socket, shared by the C peers so that all of them do the same work. */
#ifndef HELLO_H
#define HELLO_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 64 * 1024, LINE_MAX_SIZE = 64 * 1024 + 2 };

/* The worst case is a read full of empty lines, each answered with nine bytes, after the longest unfinished one. */
static char answers[READ_SIZE * 9 + LINE_MAX_SIZE + 64];
static bool is_line;

/* A line whose end has not come yet. It owns memory only while there is one. */
struct unfinished {
  char *bytes;
  size_t size;
};

static inline char *greet(char *out, const char *message, size_t size) {
  memcpy(out, "Hello, ", 7);
  memcpy(out + 7, message, size);
  out += 7 + size;
  *out++ = '!';
  if (is_line) *out++ = '\n';
  return out;
}

static inline bool is_exit(const char *message, size_t size) {
  return size == 4 && memcmp(message, "exit", 4) == 0;
}

static inline void forget(struct unfinished *rest) {
  free(rest->bytes);
  *rest = (struct unfinished){0};
}

static bool keep(struct unfinished *rest, const char *bytes, size_t size) {
  if (rest->size + size > LINE_MAX_SIZE) return false;
  char *grown = realloc(rest->bytes, rest->size + size);
  if (!grown) return false;
  memcpy(grown + rest->size, bytes, size);
  *rest = (struct unfinished){grown, rest->size + size};
  return true;
}

/* Writes the answers to what one read returned into `answers`, and says where they end. `*is_over` is set when the
   client said exit (or a line that is too long), and what follows is not looked at. */
static inline char *respond(struct unfinished *rest, const char *bytes, size_t size, bool *is_over) {
  char *out = answers;
  if (!is_line) {
    *is_over = is_exit(bytes, size);
    return *is_over ? out : greet(out, bytes, size);
  }
  const char *end = bytes + size, *newline;
  while ((newline = memchr(bytes, '\n', end - bytes))) {
    const char *line = bytes;
    size_t length = newline - bytes;
    if (rest->size) {
      if (!keep(rest, bytes, length)) return *is_over = true, out;
      line = rest->bytes;
      length = rest->size;
    }
    if (length && line[length - 1] == '\r') length--;
    if (is_exit(line, length)) return *is_over = true, out;
    out = greet(out, line, length);
    if (rest->size) forget(rest);
    bytes = newline + 1;
  }
  if (bytes < end && !keep(rest, bytes, end - bytes)) *is_over = true;
  return out;
}

static inline const char *welcome(void) { return is_line ? "Welcome!\n" : "Welcome!"; }

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* `raw` or `line` is the one argument. */
static void parse_framing(int argc, char **argv) {
  if (argc != 2 || (strcmp(argv[1], "raw") && strcmp(argv[1], "line"))) {
    fprintf(stderr, "usage: %s raw|line\n", argv[0]);
    exit(2);
  }
  is_line = strcmp(argv[1], "line") == 0;
}

static void announce(const char *scheme, int fd) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &size)) die("getsockname");
  printf("listening on %s://127.0.0.1:%d\n", scheme, ntohs(address.sin_port));
  fflush(stdout);
}

/* TCP_NODELAY is set once, here: on Linux the accepted sockets inherit it. */
static inline int listen_tcp(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on)) die("socket");
  if (bind(fd, (struct sockaddr *)&address, sizeof address)) die("bind");
  if (listen(fd, 4096)) die("listen");
  return fd;
}
#endif
