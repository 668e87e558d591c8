/* The floor: what the kernel costs, and nothing else. Edge-triggered epoll, read, memcpy, send; no limits, no timers,
   no bookkeeping but the unfinished line.

   gcc -O2 -o floor floor.c && ./floor raw|line

   It waits for a client that does not read its answers, which no real server may do. Read buffer: 64 KiB. */
#include "hello.h"
#include <poll.h>
#include <sys/epoll.h>

enum { DESCRIPTORS = 1 << 16, EVENTS = 1024 };

static char input[READ_SIZE];
static struct unfinished lines[DESCRIPTORS];
static int poller, listener;

static void accept_all(void) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = fd};
    if (fd >= DESCRIPTORS || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
    send(fd, welcome(), strlen(welcome()), MSG_NOSIGNAL);
  }
}

static bool send_all(int fd, const char *bytes, size_t size) {
  while (size) {
    ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return false;
    if (n < 0) {
      poll(&(struct pollfd){fd, POLLOUT, 0}, 1, -1);
    } else {
      bytes += n;
      size -= n;
    }
  }
  return true;
}

static void end(int fd) {
  forget(&lines[fd]);
  close(fd);
}

static void serve(int fd, bool is_ending) {
  for (;;) {
    ssize_t n = read(fd, input, sizeof input);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return end(fd);
    bool is_over = false;
    char *out = respond(&lines[fd], input, n, &is_over);
    if ((out > answers && !send_all(fd, answers, out - answers)) || is_over) return end(fd);
    if (n < READ_SIZE && !is_ending) return; /* a short read has emptied the socket */
  }
}

int main(int argc, char **argv) {
  parse_framing(argc, argv);
  poller = epoll_create1(EPOLL_CLOEXEC);
  listener = listen_tcp();
  struct epoll_event events[EVENTS] = {{.events = EPOLLIN | EPOLLET, .data.fd = listener}};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, events)) die("epoll_ctl");
  announce("tcp", listener);
  for (;;) {
    int count = epoll_wait(poller, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      if (events[i].data.fd == listener) {
        accept_all();
      } else {
        serve(events[i].data.fd, events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
      }
    }
  }
}
