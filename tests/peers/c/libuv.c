/* libuv, as a user who cares for speed writes it: one shared read buffer, uv_try_write first, and uv_write (with a
   copy) for what the kernel did not take.

   gcc -O2 -o libuv libuv.c -luv && ./libuv raw|line        (Debian: libuv1-dev)

   Read buffer: 64 KiB, which is also what libuv suggests. */
#include "hello.h"
#include <uv.h>

struct client {
  uv_tcp_t tcp;
  struct unfinished line;
};

struct pending {
  uv_write_t request;
  char bytes[];
};

static char input[READ_SIZE];

static void on_closed(uv_handle_t *handle) {
  struct client *client = (struct client *)handle;
  forget(&client->line);
  free(client);
}

static void end(struct client *client) {
  uv_handle_t *handle = (uv_handle_t *)client;
  if (!uv_is_closing(handle)) uv_close(handle, on_closed);
}

static void on_written(uv_write_t *request, int status) {
  if (status < 0) end((struct client *)request->handle);
  free(request);
}

static void say(struct client *client, const char *bytes, size_t size) {
  uv_stream_t *stream = (uv_stream_t *)client;
  uv_buf_t buffer = uv_buf_init((char *)bytes, size);
  int taken = uv_try_write(stream, &buffer, 1);
  if (taken < 0 && taken != UV_EAGAIN) return end(client);
  if (taken < 0) taken = 0;
  if ((size_t)taken == size) return;
  struct pending *pending = malloc(sizeof *pending + size - taken);
  memcpy(pending->bytes, bytes + taken, size - taken);
  buffer = uv_buf_init(pending->bytes, size - taken);
  if (uv_write(&pending->request, stream, &buffer, 1, on_written)) {
    free(pending);
    end(client);
  }
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  (void)handle, (void)suggested;
  *buffer = uv_buf_init(input, sizeof input);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
  struct client *client = (struct client *)stream;
  if (n < 0) return end(client);
  bool is_over = false;
  char *out = n ? respond(&client->line, buffer->base, n, &is_over) : answers;
  if (out > answers) say(client, answers, out - answers);
  if (is_over) end(client);
}

static void on_connection(uv_stream_t *listener, int status) {
  if (status < 0) return;
  struct client *client = calloc(1, sizeof *client);
  uv_tcp_init(listener->loop, &client->tcp);
  if (uv_accept(listener, (uv_stream_t *)client)) return end(client);
  say(client, welcome(), strlen(welcome()));
  uv_read_start((uv_stream_t *)client, on_buffer, on_read);
}

int main(int argc, char **argv) {
  parse_framing(argc, argv);
  uv_loop_t *loop = uv_default_loop();
  uv_tcp_t listener;
  uv_tcp_init(loop, &listener);
  int fd = listen_tcp();
  if (uv_tcp_open(&listener, fd)) die("uv_tcp_open");
  uv_tcp_nodelay(&listener, 1);
  if (uv_listen((uv_stream_t *)&listener, 4096, on_connection)) die("uv_listen");
  announce("tcp", fd);
  return uv_run(loop, UV_RUN_DEFAULT);
}
