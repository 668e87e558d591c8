/* What the two C clients share: how they talk to the runner, and how they fail. */
#ifndef CLIENT_H
#define CLIENT_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 16, PATIENCE_MS = 10000 }; /* "c00042-000000017" names the client and the message */

static void fail(const char *format, ...) {
  va_list list;
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fputc('\n', stderr);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Writes the sixteen bytes that no other message has. */
static void write_head(char *at, unsigned client, unsigned sequence) {
  char text[32];
  snprintf(text, sizeof text, "c%05u-%09u", client % 100000, sequence % 1000000000);
  memcpy(at, text, HEAD);
}

/* The head of the same client's next message. Counting in decimal is a step or two, where formatting is a hundred. */
static inline void count_on(char *head) {
  char *digit = head + HEAD - 1;
  while (*digit == '9') *digit-- = '0';
  ++*digit;
}

/* One line on stdin lets us begin; its end, without a line, lets us leave at once. */
static bool is_told_to_begin(void) {
  char line[16];
  return fgets(line, sizeof line, stdin) != NULL;
}

/* The connections stay open until stdin ends, so that the runner can look at the server before they go. */
static void wait_for_the_end(void) {
  while (is_told_to_begin()) {
  }
}

static long number(const char *text, long least, long most) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*end || end == text || value < least || value > most) {
    fail("%s is not a number from %ld to %ld", text, least, most);
  }
  return value;
}
#endif
