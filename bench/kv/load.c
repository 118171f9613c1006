/* A load generator that costs little: one thread, epoll, requests made beforehand, answers counted by their length.
 *
 *   load PORT memcached|redis get|multi|mg|set CONNECTIONS PIPELINE SECONDS VALUE_BYTES KEYS uniform|zipf SERVER_PID
 *
 * All keys have ten digits and all values the same length, so every right answer has the same length; a wrong one ends the
 * run. What reads needs keys that are stored: `fill` in place of SECONDS sets each key once. Prints JSON.
 *
 * A pipeline of gets can be asked for in three ways, since memcached answers them differently (seen by strace, 1.6.18):
 *   get    a line for each key: memcached sends each answer by a sendmsg of its own, 7 to 8 us of CPU
 *   multi  one `get` line with all keys: one sendmsg for all, 1 to 2 us a key; what its clients do
 *   mg     a meta get for each key: answers are gathered too
 * CPU time is that of all threads of the server, in ns, by its CPU clock.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define MOST_SAMPLES 8000000

static int port, connections, pipeline, size, pid, redis, set, multi, meta, fill;
static long keys;
static double seconds;
static int zipf;

typedef struct {
  int fd;
  long received;
  char *request;
  int length, sent;
  double since;
} Lane;

static uint64_t seed = 88172645463325252ull;
static uint64_t next_random(void) {
  seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
  return seed;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

/* Close to a zipfian choice with exponent 1: the logarithm of the rank is even. */
static long filled = 0;
static long next_key(void) {
  if (fill) return filled++ % keys;
  double u = (next_random() >> 11) / 9007199254740992.0;
  if (!zipf) return (long)(u * keys);
  long rank = (long)pow((double)keys, u) - 1;
  return rank * 2654435761l % keys;
}

static int write_request(char *to, const char *value) {
  long key = next_key();
  if (redis) {
    if (set) {
      int n = sprintf(to, "*3\r\n$3\r\nSET\r\n$10\r\n%010ld\r\n$%d\r\n", key, size);
      memcpy(to + n, value, size);
      memcpy(to + n + size, "\r\n", 2);
      return n + size + 2;
    }
    return sprintf(to, "*2\r\n$3\r\nGET\r\n$10\r\n%010ld\r\n", key);
  }
  if (set) {
    int n = sprintf(to, "set %010ld 0 0 %d\r\n", key, size);
    memcpy(to + n, value, size);
    memcpy(to + n + size, "\r\n", 2);
    return n + size + 2;
  }
  if (multi) return sprintf(to, " %010ld", key);
  return sprintf(to, meta ? "mg %010ld v\r\n" : "get %010ld\r\n", key);
}

/* Of the whole pipeline. */
static long answer_length(void) {
  char head[64];
  long end = multi ? 5 : 0;
  long one = redis  ? set ? 5 : sprintf(head, "$%d\r\n", size) + size + 2
             : set  ? 8
             : meta ? sprintf(head, "VA %d\r\n", size) + size + 2
                    : sprintf(head, "VALUE 0000000000 0 %d\r\n", size) + size + (multi ? 2 : 7);
  return one * pipeline + end;
}

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

/* Of all threads of the server. */
static double cpu_seconds(void) {
  clockid_t clock;
  struct timespec t;
  if (pid == 0) return 0;
  if ((errno = clock_getcpuclockid(pid, &clock)) != 0 || clock_gettime(clock, &t) != 0) fail("the server's CPU clock");
  return t.tv_sec + t.tv_nsec / 1e9;
}

static const char *value;
static void begin(Lane *lane) {
  lane->length = multi ? sprintf(lane->request, "get") : 0;
  for (int i = 0; i < pipeline; i++) lane->length += write_request(lane->request + lane->length, value);
  if (multi) lane->length += sprintf(lane->request + lane->length, "\r\n");
  lane->sent = 0;
  lane->received = 0;
  lane->since = now();
}

static void push(Lane *lane) {
  while (lane->sent < lane->length) {
    int n = send(lane->fd, lane->request + lane->sent, lane->length - lane->sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) fail("send");
    lane->sent += n;
  }
}

static int by_value(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc < 11) return fprintf(stderr, "see the first lines of load.c\n"), 2;
  port = atoi(argv[1]);
  redis = argv[2][0] == 'r';
  set = strcmp(argv[3], "set") == 0;
  multi = strcmp(argv[3], "multi") == 0;
  meta = strcmp(argv[3], "mg") == 0;
  if (redis && (multi || meta)) return fprintf(stderr, "Redis knows get and set only\n"), 2;
  connections = atoi(argv[4]);
  pipeline = atoi(argv[5]);
  fill = strcmp(argv[6], "fill") == 0;
  seconds = fill ? 1e9 : atof(argv[6]);
  size = atoi(argv[7]);
  keys = atol(argv[8]);
  zipf = argv[9][0] == 'z';
  pid = atoi(argv[10]);
  seed ^= (uint64_t)getpid() << 20;

  char *text = malloc(size + 1);
  memset(text, 'x', size);
  value = text;
  int epoll = epoll_create1(0);
  Lane *lanes = calloc(connections, sizeof(Lane));
  for (int i = 0; i < connections; i++) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    lanes[i].fd = fd;
    lanes[i].request = malloc((long)pipeline * (size + 128));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &lanes[i]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    begin(&lanes[i]);
  }
  long whole = answer_length();
  char first = redis ? (set ? '+' : '$') : (set ? 'S' : 'V');
  float *samples = malloc(MOST_SAMPLES * sizeof(float));
  long count = 0, done = 0;
  double warm = fill ? 0 : 0.3, started = now(), cpu = 0, from = 0;
  static char buffer[1 << 20];
  struct epoll_event events[1024];
  for (int i = 0; i < connections; i++) push(&lanes[i]);
  for (;;) {
    int n = epoll_wait(epoll, events, 1024, 1000);
    double time = now();
    if (from == 0 && time - started >= warm) {
      from = time; cpu = cpu_seconds(); done = 0; count = 0;
    }
    if (from != 0 && (time - from >= seconds || (fill && done >= keys))) break;
    for (int e = 0; e < n; e++) {
      Lane *lane = events[e].data.ptr;
      push(lane);
      for (;;) {
        int got = recv(lane->fd, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EAGAIN) break;
        if (got <= 0) fail("recv");
        if (lane->received == 0 && buffer[0] != first) {
          fprintf(stderr, "not the answer that was awaited: %.60s\n", buffer);
          return 1;
        }
        lane->received += got;
        if (lane->received > whole) return fprintf(stderr, "an answer is too long\n"), 1;
        if (lane->received == whole) {
          done += pipeline;
          if (count < MOST_SAMPLES) samples[count++] = (now() - lane->since) * 1e6;
          begin(lane);
          push(lane);
          /* Nothing can have come since: the next answer is an event of its own. */
          break;
        }
      }
    }
  }
  double elapsed = now() - from;
  cpu = cpu_seconds() - cpu;
  qsort(samples, count, sizeof(float), by_value);
  printf("{\"perSecond\":%.0f,\"cpu\":%.3f,\"p50\":%.0f,\"p99\":%.0f}\n", done / elapsed, done ? cpu / done * 1e6 : 0.0,
         count ? samples[count / 2] : 0.0, count ? samples[(long)(count * 0.99)] : 0.0);
  return 0;
}
