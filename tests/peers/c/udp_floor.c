/* The floor for datagrams: epoll, recvfrom, sendto, one datagram at a time.

   gcc -O2 -o udp_floor udp_floor.c && ./udp_floor raw */
#include "hello.h"
#include <sys/epoll.h>

int main(int argc, char **argv) {
  parse_framing(argc, argv);
  static char input[READ_SIZE];
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), poller = epoll_create1(EPOLL_CLOEXEC);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from;
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address)) die("bind");
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
  announce("udp", fd);
  for (;;) {
    epoll_wait(poller, &event, 1, -1);
    for (;;) {
      socklen_t size = sizeof from;
      ssize_t n = recvfrom(fd, input, sizeof input, 0, (struct sockaddr *)&from, &size);
      if (n < 0) break;
      char *out = greet(answers, input, n);
      sendto(fd, answers, out - answers, 0, (struct sockaddr *)&from, size);
    }
  }
}
