/* A minimal load generator for the peers: one thread, epoll, every byte of every reply compared.

   gcc -O2 -o client client.c
   ./client [-c CLIENTS] [-a ACTIVE] [-k DEPTH] [-f raw|line] [-s SIZE] [-i IDLE] [-b HANDSHAKES] [-w SECONDS]
            [-t SECONDS | -n MESSAGES] [-x] PORT

   Connects CLIENTS and IDLE clients, at most HANDSHAKES at a time, reads their welcomes, has each greet once, warms
   the server up for -w SECONDS, prints `ready CLIENTS SECONDS` (until the last welcome), and waits for a line on
   stdin. Then ACTIVE clients at a time have DEPTH messages under way; when all are answered, the next client in turn
   goes on. Prints `messages COUNT SECONDS` and waits for the end of stdin before it closes anything. With -x each
   request is a session instead: connect, welcome, one greeting, exit, end of file. Any other byte than the expected
   one, or 10 s without any, ends it with exit code 1. */
#include "client.h"
#include <fcntl.h>
#include <netinet/tcp.h>

enum { READ_SIZE = 256 * 1024, EVENTS = 1024 };

enum phase { CONNECTING, GREETING, RESTING, BUSY, LEAVING };

struct client {
  int fd;
  unsigned waits;  /* replies under way */
  unsigned at;     /* bytes of the welcome, or of the next reply, that have come */
  char head[HEAD]; /* of the message whose reply comes next */
  enum phase phase;
  bool may_have_newline; /* after the welcome: a server that decides by the first message sends none */
};

static int clients = 1, active, depth = 1, idle, handshakes = 256, size = HEAD, port;
static bool is_line = true, is_churn;
static double seconds, warm_up;
static long messages;

static struct client *all;
static char *batch, *expected, input[READ_SIZE];
static size_t message_size, reply_size;
static int poller, opened, welcomed, greeted;
static long done, begun, limit; /* of messages; 0: until `ends` */
static double ramp_began, last_welcome, ends;

static void parse(int argc, char **argv) {
  for (int option; (option = getopt(argc, argv, "c:a:k:f:s:i:b:w:t:n:x")) != -1;) {
    switch (option) {
      case 'c': clients = number(optarg, 1, 60000); break;
      case 'a': active = number(optarg, 1, 60000); break;
      case 'k': depth = number(optarg, 1, 4096); break;
      case 'f': is_line = strcmp(optarg, "raw") != 0; break;
      case 's': size = number(optarg, HEAD, 64 * 1024); break;
      case 'i': idle = number(optarg, 0, 60000); break;
      case 'b': handshakes = number(optarg, 1, 60000); break;
      case 'w': warm_up = atof(optarg); break;
      case 't': seconds = atof(optarg); break;
      case 'n': messages = number(optarg, 1, 1000000000); break;
      case 'x': is_churn = true; break;
      default: exit(2);
    }
  }
  if (optind + 1 != argc || (seconds > 0) == (messages > 0)) fail("usage: see the head of client.c");
  port = number(argv[optind], 1, 65535);
  if (!active) active = clients;
  if (clients % active) fail("-c must be a multiple of -a");
  if (!is_line && depth > 1) fail("-k needs -f line");
}

static void prepare_bytes(void) {
  message_size = size + is_line;
  reply_size = 7 + size + 1 + is_line;
  batch = malloc(message_size * depth);
  expected = malloc(reply_size);
  memset(batch, 'm', message_size * depth);
  memset(expected, 'm', reply_size);
  memcpy(expected, "Hello, ", 7);
  memcpy(expected + 7 + size, "!\n", 1 + is_line);
  for (int i = 0; is_line && i < depth; i++) batch[(i + 1) * message_size - 1] = '\n';
}

static void open_client(struct client *client) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket: %s", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) {
    fail("connect: %s", strerror(errno));
  }
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = client};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl: %s", strerror(errno));
  client->fd = fd;
  client->waits = client->at = 0;
  client->phase = CONNECTING;
}

static void send_all(struct client *client, const char *bytes, size_t count) {
  ssize_t n = send(client->fd, bytes, count, MSG_NOSIGNAL);
  if (n != (ssize_t)count) fail("client %ld: sent %zd of %zu bytes: %s", client - all, n, count, strerror(errno));
}

static void ask(struct client *client, int count) {
  char head[HEAD];
  memcpy(head, client->head, HEAD);
  for (int i = 0; i < count; i++) {
    memcpy(batch + i * message_size, head, HEAD);
    count_on(head);
  }
  client->waits = count;
  client->at = 0;
  send_all(client, batch, count * message_size);
}

static void begin(struct client *client) {
  bool is_over = limit ? begun >= limit : now() >= ends;
  if (is_over) return;
  int count = limit && limit - begun < depth ? limit - begun : depth;
  begun += count;
  client->phase = BUSY;
  if (is_churn) {
    open_client(client);
  } else {
    ask(client, count);
  }
}

/* Who goes on when this one has all its answers. */
static void pass_on(struct client *client) {
  client->phase = RESTING;
  begin(all + (client - all + active) % clients);
}

static void answered(struct client *client) {
  if (client->phase == GREETING && is_churn) {
    client->phase = LEAVING;
    send_all(client, "exit\n", 4 + is_line);
  } else if (client->phase == GREETING) {
    client->phase = RESTING;
    greeted++;
  } else {
    pass_on(client);
  }
}

static void receive_welcome(struct client *client, const char **bytes, const char *end) {
  while (*bytes < end && client->at < 8) {
    if (*(*bytes)++ != "Welcome!"[client->at++]) fail("client %ld: not a welcome", client - all);
  }
  if (client->at < 8) return;
  client->may_have_newline = is_line;
  client->phase = GREETING;
  welcomed++;
  if (!is_churn && welcomed == clients + idle) last_welcome = now();
  if (is_churn) ask(client, 1);
}

static void differ(struct client *client, const char *bytes, const char *right, size_t count) {
  size_t at = 0;
  while (bytes[at] == right[at]) at++;
  int shown = count - at < 60 ? count - at : 60;
  fail("client %ld: from byte %zu of the reply to %.16s on \"%.*s\", not \"%.*s\"", client - all, client->at + at,
       client->head, shown, bytes + at, shown, right + at);
}

static void compare(struct client *client, const char *bytes, const char *end) {
  if (client->phase == CONNECTING) receive_welcome(client, &bytes, end);
  if (client->may_have_newline && bytes < end) {
    bytes += *bytes == '\n';
    client->may_have_newline = false;
  }
  while (bytes < end) {
    if (!client->waits) fail("client %ld: %zd bytes that nobody asked for", client - all, end - bytes);
    memcpy(expected + 7, client->head, HEAD);
    size_t count = reply_size - client->at;
    if (count > (size_t)(end - bytes)) count = end - bytes;
    if (memcmp(bytes, expected + client->at, count)) differ(client, bytes, expected + client->at, count);
    bytes += count;
    client->at += count;
    if (client->at < reply_size) break;
    client->at = 0;
    count_on(client->head);
    done += client->phase == BUSY;
    if (--client->waits == 0) {
      if (bytes < end) fail("client %ld: more than was asked for", client - all);
      answered(client);
    }
  }
}

static void on_event(struct client *client) {
  for (;;) {
    ssize_t n = recv(client->fd, input, sizeof input, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n == 0 && client->phase == LEAVING) {
      close(client->fd);
      done++;
      return pass_on(client);
    }
    if (n <= 0) fail("client %ld: %s", client - all, n ? strerror(errno) : "the server has closed");
    int fd = client->fd;
    compare(client, input, input + n);
    if (client->fd != fd || (n < READ_SIZE && client->phase != LEAVING)) return;
  }
}

static void turn(void) {
  static struct epoll_event events[EVENTS];
  int count = epoll_wait(poller, events, EVENTS, PATIENCE_MS);
  if (count == 0) {
    fail("nothing came for 10 s: %d opened, %d welcomed, %ld of %ld answered", opened, welcomed, done, begun);
  }
  for (int i = 0; i < count; i++) on_event(events[i].data.ptr);
}

static void ramp(void) {
  int count = clients + idle;
  ramp_began = now();
  while (welcomed < count) {
    while (opened < count && opened - welcomed < handshakes) open_client(all + opened++);
    turn();
  }
  for (int i = 0; i < count; i++) {
    ask(all + i, 1);
    while (i - greeted >= 255) turn();
  }
  while (greeted < count) turn();
}

/* Asks until `duration` is over, or `count` messages are answered. */
static double load(double duration, long count) {
  double started = now();
  done = begun = 0;
  ends = started + duration;
  limit = count;
  for (int i = 0; i < active; i++) begin(all + i);
  while (done < begun) turn();
  return now() - started;
}

int main(int argc, char **argv) {
  parse(argc, argv);
  prepare_bytes();
  poller = epoll_create1(EPOLL_CLOEXEC);
  all = calloc(clients + idle, sizeof *all);
  for (int i = 0; i < clients + idle; i++) write_head(all[i].head, i, 0);
  if (!is_churn) ramp();
  if (warm_up > 0) load(warm_up, 0);
  printf("ready %d %.6f\n", clients + idle, last_welcome - ramp_began);
  fflush(stdout);
  if (!is_told_to_begin()) return 0;
  double took = load(seconds, messages);
  printf("messages %ld %.6f\n", done, took);
  fflush(stdout);
  wait_for_the_end();
}
