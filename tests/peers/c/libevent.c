/* libevent with bufferevents, which is how its users write servers: evbuffer_readln for lines, bufferevent_write for
   answers.

   gcc -O2 -o libevent libevent.c -levent_core && ./libevent raw|line        (Debian: libevent-dev)

   Read buffer: libevent's own, at most 16 KiB at a time, so that in `raw` a longer message is several. */
#include "hello.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

static void on_flushed(struct bufferevent *client, void *context) {
  (void)context;
  bufferevent_free(client);
}

static void on_event(struct bufferevent *client, short what, void *context);

/* Closes once the answers before it are with the kernel. */
static void end(struct bufferevent *client) {
  bufferevent_disable(client, EV_READ);
  if (evbuffer_get_length(bufferevent_get_output(client)) == 0) return bufferevent_free(client);
  bufferevent_setcb(client, NULL, on_flushed, on_event, NULL);
}

static bool answer(struct bufferevent *client, const char *message, size_t size) {
  if (is_exit(message, size)) return false;
  bufferevent_write(client, "Hello, ", 7);
  bufferevent_write(client, message, size);
  bufferevent_write(client, is_line ? "!\n" : "!", is_line ? 2 : 1);
  return true;
}

static void on_read(struct bufferevent *client, void *context) {
  (void)context;
  static char input[READ_SIZE];
  struct evbuffer *in = bufferevent_get_input(client);
  if (!is_line) {
    int n = evbuffer_remove(in, input, sizeof input);
    if (n > 0 && !answer(client, input, n)) end(client);
    return;
  }
  size_t size;
  char *line;
  while ((line = evbuffer_readln(in, &size, EVBUFFER_EOL_CRLF))) {
    bool goes_on = answer(client, line, size);
    free(line);
    if (!goes_on) return end(client);
  }
}

static void on_event(struct bufferevent *client, short what, void *context) {
  (void)context;
  if (what & BEV_EVENT_ERROR) return bufferevent_free(client);
  if (what & BEV_EVENT_EOF) end(client);
}

static void on_connection(struct evconnlistener *listener, int fd, struct sockaddr *from, int size, void *base) {
  (void)listener, (void)from, (void)size;
  struct bufferevent *client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  if (!client) die("bufferevent_socket_new");
  bufferevent_setcb(client, on_read, NULL, on_event, NULL);
  bufferevent_enable(client, EV_READ);
  bufferevent_write(client, welcome(), strlen(welcome()));
}

int main(int argc, char **argv) {
  parse_framing(argc, argv);
  struct event_base *base = event_base_new();
  int fd = listen_tcp();
  unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC;
  if (!evconnlistener_new(base, on_connection, base, flags, 0, fd)) die("evconnlistener_new");
  announce("tcp", fd);
  return event_base_dispatch(base);
}
