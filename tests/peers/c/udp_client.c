/* A minimal generator of datagrams: FLOWS sockets, each with BURST datagrams under way, every reply compared.

   gcc -O2 -o udp_client udp_client.c
   ./udp_client [-c FLOWS] [-k BURST] [-g] [-s SIZE] [-t SECONDS | -n DATAGRAMS] PORT

   A burst goes out by one sendmmsg, or with -g by one sendmsg that the kernel cuts (UDP_SEGMENT; replies are then taken
   merged, by UDP_GRO). Talks to the runner as client.c does; prints `messages COUNT SECONDS LOST`. A reply that has not
   come in 200 ms is lost. */
#include "client.h"
#include <netinet/udp.h>

enum { BURSTS = 64, SIZES = 1024, SLOT = 65536, SILENCE_MS = 200 };

struct flow {
  int fd;
  unsigned first, next; /* sequences: the burst under way, and after it */
  unsigned waits;
};

static int flows = 8, burst = 16, size = HEAD, port;
static bool is_segmented;
static double seconds, ends;
static long datagrams, done, begun, lost;
static struct flow *all;
static char bytes[BURSTS * SIZES], input[BURSTS][SLOT], expected[SIZES + 8];

static void parse(int argc, char **argv) {
  for (int option; (option = getopt(argc, argv, "c:k:gs:t:n:")) != -1;) {
    switch (option) {
      case 'c': flows = number(optarg, 1, 60000); break;
      case 'k': burst = number(optarg, 1, BURSTS); break;
      case 'g': is_segmented = true; break;
      case 's': size = number(optarg, HEAD, SIZES); break;
      case 't': seconds = atof(optarg); break;
      case 'n': datagrams = number(optarg, 1, 1000000000); break;
      default: exit(2);
    }
  }
  if (optind + 1 != argc || (seconds > 0) == (datagrams > 0)) fail("usage: see the head of udp_client.c");
  port = number(argv[optind], 1, 65535);
}

static void open_flow(struct flow *flow, int poller) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  flow->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (flow->fd < 0 || connect(flow->fd, (struct sockaddr *)&to, sizeof to)) fail("socket: %s", strerror(errno));
  if (is_segmented && (setsockopt(flow->fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size) ||
                       setsockopt(flow->fd, SOL_UDP, UDP_GRO, &on, sizeof on))) {
    fail("UDP_SEGMENT: %s", strerror(errno));
  }
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = flow};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, flow->fd, &event)) fail("epoll_ctl: %s", strerror(errno));
}

static void begin(struct flow *flow) {
  if (datagrams ? begun >= datagrams : now() >= ends) return;
  flow->first = flow->next;
  flow->next += burst;
  flow->waits = burst;
  begun += burst;
  for (int i = 0; i < burst; i++) write_head(bytes + i * size, flow - all, flow->first + i);
  int sent;
  if (is_segmented) {
    sent = send(flow->fd, bytes, burst * size, 0) / size;
  } else {
    struct mmsghdr headers[BURSTS] = {0};
    struct iovec parts[BURSTS];
    for (int i = 0; i < burst; i++) {
      parts[i] = (struct iovec){bytes + i * size, size};
      headers[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    sent = sendmmsg(flow->fd, headers, burst, 0);
  }
  if (sent != burst) fail("flow %ld: sent %d of %d datagrams: %s", flow - all, sent, burst, strerror(errno));
}

/* Replies keep their order on the loopback; one that was given up for lost may still come. */
static void compare(struct flow *flow, const char *reply) {
  unsigned sequence = 0;
  for (int i = 14; i < 23; i++) sequence = sequence * 10 + (reply[i] - '0');
  write_head(expected + 7, flow - all, sequence);
  if (memcmp(reply, expected, size + 8)) {
    fail("flow %ld: \"%.*s\", not \"%.*s\"", flow - all, size + 8, reply, size + 8, expected);
  }
  if (sequence < flow->first) return;
  done++;
  if (--flow->waits == 0) begin(flow);
}

static void receive(struct flow *flow) {
  static struct mmsghdr headers[BURSTS];
  static struct iovec parts[BURSTS];
  int most = is_segmented ? 4 : BURSTS;
  for (int i = 0; i < most; i++) {
    parts[i] = (struct iovec){input[i], SLOT};
    headers[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  int count = recvmmsg(flow->fd, headers, most, 0, NULL);
  if (count < 0 && errno != EAGAIN) fail("flow %ld: %s", flow - all, strerror(errno));
  for (int i = 0; i < count; i++) {
    int length = headers[i].msg_len;
    if (length % (size + 8)) fail("flow %ld: a reply of %d bytes, not %d", flow - all, length, size + 8);
    for (int at = 0; at < length; at += size + 8) compare(flow, input[i] + at);
  }
}

static void give_up_the_lost(void) {
  for (struct flow *flow = all; flow < all + flows; flow++) {
    if (!flow->waits) continue;
    lost += flow->waits;
    flow->waits = 0;
    begin(flow);
  }
}

int main(int argc, char **argv) {
  parse(argc, argv);
  memset(bytes, 'm', sizeof bytes);
  memset(expected, 'm', sizeof expected);
  memcpy(expected, "Hello, ", 7);
  expected[7 + size] = '!';
  int poller = epoll_create1(EPOLL_CLOEXEC);
  all = calloc(flows, sizeof *all);
  for (int i = 0; i < flows; i++) open_flow(all + i, poller);
  printf("ready %d 0\n", flows);
  fflush(stdout);
  if (!is_told_to_begin()) return 0;
  double started = now();
  ends = started + seconds;
  for (int i = 0; i < flows; i++) begin(all + i);
  while (done + lost < begun) {
    struct epoll_event events[64];
    int count = epoll_wait(poller, events, 64, SILENCE_MS);
    if (count == 0) give_up_the_lost();
    for (int i = 0; i < count; i++) receive(events[i].data.ptr);
    if (lost > 10000) fail("%ld of %ld datagrams were lost", lost, begun);
  }
  printf("messages %ld %.6f %ld\n", done, now() - started, lost);
  fflush(stdout);
  wait_for_the_end();
}
