/*
 * The switched path in C, in memory: what bench:hot measures the TypeScript data path against. Same table layout, hash, checks,
 * counters and descriptors; no device and no system call in between. Compiled by the bench with cc -O2.
 *
 *     switch PORTS STATIONS BURSTS ROUNDS   ->   one JSON object
 *
 * Traffic, to be made alike by whoever compares itself:
 *   - random numbers: state = state * 1664525 + 1013904223 (mod 2^32), from state 1; draw(n) = (state >> 8) mod n after the
 *     step;
 *   - station i has the address 02:00:00:00:00:00 + i and lives on port i mod PORTS, all in bridge domain 1;
 *   - of 16,384 frames, frame k is from station draw(STATIONS) to station draw(STATIONS), the latter drawn again until it lives
 *     on another port; 60 bytes, EtherType 0x88b5 (IEEE 802 local experimental), zeros;
 *   - frame k is at byte 256 k + 138, behind an all-zero virtio-net header of ten bytes; its descriptor is
 *     (port, offset, length, 0);
 *   - all stations are learned in order of their numbers in second 0; round r runs in second r (from 1);
 *   - burst b is the 256 descriptors from 256 b mod 16,384 on, copied to where a poll would put them;
 *   - the table holds 2^ceil(log2(2 STATIONS)) slots, its seed is 1.
 *
 * The result: median and minimum over the rounds of nanoseconds per frame; what all rounds have counted; and a checksum (FNV-1a
 * over int32 words) of port, offset and length of all transmit descriptors of one more pass over the prepared frames.
 *
 * Not here, since this traffic has no use for it: ageing out, eviction, moves, static entries.
 */

#define _POSIX_C_SOURCE 199309L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FRAMES = 16384, STRIDE = 256, HEADROOM = 138, FRAME_LENGTH = 60 };
enum { BURST = 256, TRANSMIT_MAX = 8192, DOMAIN = 1, AGEING_S = 300, MTU = 1500 };
enum { PORT, OFFSET, LENGTH, RESULT, DESCRIPTOR_WORDS };
enum { LO, TOP, PLACE, SEEN, ENTRY_WORDS };
enum { FREE = 0, PORT_MASK = 0xffff, IS_STATIC = 1 << 16 };
enum { NONE = -1 };
enum { ACCEPTED, RUNT_FRAME, FRAME_TOO_LONG, SOURCE_MULTICAST, OFFLOADED, RESERVED_ADDRESS, SAME_PORT, REASONS };

/* ---- lists of stations by time, as in src/tables/linked-lists.ts ---- */

static int32_t *links;
static int32_t nodes;

static void join(int32_t left, int32_t right) {
  links[2 * left + 1] = right;
  links[2 * right] = left;
}

static void append(int32_t list, int32_t node) {
  int32_t ring = nodes + list;
  join(links[2 * ring], node);
  join(node, ring);
}

static void unlink_node(int32_t node) {
  join(links[2 * node], links[2 * node + 1]);
}

/* ---- the MAC table, as in src/tables/mac-table.ts ---- */

static int32_t *entries;
static uint32_t entry_mask;
static int hash_shift;
static uint32_t whitening, multiplier0, multiplier1, multiplier2;

static uint32_t scramble(uint32_t seed, uint32_t nonce) {
  uint32_t bits = seed + nonce * 0x9e3779b9u;
  bits = (bits ^ (bits >> 16)) * 0x85ebca6bu;
  bits = (bits ^ (bits >> 13)) * 0xc2b2ae35u;
  return bits ^ (bits >> 16);
}

static uint32_t home(int32_t top, int32_t lo) {
  uint32_t first = ((uint32_t)lo ^ whitening) * multiplier0;
  uint32_t second = (first ^ (first >> 15) ^ (uint32_t)top) * multiplier1;
  return (((second ^ (second >> 15)) * multiplier2) >> hash_shift) * ENTRY_WORDS;
}

static int32_t top_of(int32_t domain, int32_t hi) {
  return (int32_t)((uint32_t)(domain + 1) << 16) | hi;
}

static int32_t find(int32_t top, int32_t lo) {
  uint32_t at = home(top, lo);
  for (;;) {
    int32_t found = entries[at + TOP];
    if (found == top && entries[at + LO] == lo) return (int32_t)at;
    if (found == FREE) return NONE;
    at = (at + ENTRY_WORDS) & entry_mask;
  }
}

static void insert(int32_t top, int32_t lo, int32_t port, int32_t now) {
  uint32_t at = home(top, lo);
  while (entries[at + TOP] != FREE) at = (at + ENTRY_WORDS) & entry_mask;
  entries[at + LO] = lo;
  entries[at + TOP] = top;
  entries[at + PLACE] = port;
  entries[at + SEEN] = now;
  append(port, (int32_t)(at / ENTRY_WORDS));
}

static void learn(int32_t domain, int32_t hi, int32_t lo, int32_t port, int32_t now) {
  int32_t top = top_of(domain, hi);
  int32_t at = find(top, lo);
  if (at < 0) {
    insert(top, lo, port, now);
    return;
  }
  if (entries[at + PLACE] == port && entries[at + SEEN] == now) return;
  if (entries[at + PLACE] != port) abort(); /* nobody moves in this traffic */
  entries[at + SEEN] = now;
  unlink_node(at / ENTRY_WORDS);
  append(port, at / ENTRY_WORDS);
}

static int32_t lookup(int32_t domain, int32_t hi, int32_t lo, int32_t now) {
  int32_t at = find(top_of(domain, hi), lo);
  if (at < 0) return NONE;
  int32_t place = entries[at + PLACE];
  if (now - entries[at + SEEN] >= AGEING_S && (place & IS_STATIC) == 0) return NONE;
  return place & PORT_MASK;
}

static void create_table(int32_t stations, int32_t ports, uint32_t seed) {
  int bits = 2;
  while (((int64_t)1 << bits) < 2 * (int64_t)stations) bits++;
  nodes = 1 << bits;
  entry_mask = (uint32_t)nodes * ENTRY_WORDS - 1;
  hash_shift = 32 - bits;
  whitening = scramble(seed, 1);
  multiplier0 = scramble(seed, 2) | 1;
  multiplier1 = scramble(seed, 3) | 1;
  multiplier2 = scramble(seed, 4) | 1;
  entries = aligned_alloc(64, (size_t)nodes * ENTRY_WORDS * 4);
  links = malloc(2 * (size_t)(nodes + ports) * 4);
  if (!entries || !links) abort();
  memset(entries, 0, (size_t)nodes * ENTRY_WORDS * 4);
  for (int32_t list = 0; list < ports; list++) join(nodes + list, nodes + list);
}

/* ---- the path of a frame ---- */

static uint8_t *memory;
static int32_t received[BURST * DESCRIPTOR_WORDS];
static int32_t transmits[TRANSMIT_MAX * DESCRIPTOR_WORDS];
static int32_t transmit_count;
static int32_t port_count;
static int32_t *domain_of_port, *length_max_of_port;
static double *rx_frames, *rx_bytes, *tx_frames, *tx_bytes;
static double drops[REASONS];

static int32_t uint16_at(const uint8_t *bytes) {
  return bytes[0] << 8 | bytes[1];
}

static int32_t int32_at(const uint8_t *bytes) {
  uint32_t word;
  memcpy(&word, bytes, 4);
  return (int32_t)__builtin_bswap32(word);
}

static void transmit(int32_t port, int32_t offset, int32_t length) {
  int32_t *descriptor = transmits + transmit_count * DESCRIPTOR_WORDS;
  if (transmit_count == TRANSMIT_MAX) abort();
  descriptor[PORT] = port;
  descriptor[OFFSET] = offset;
  descriptor[LENGTH] = length;
  descriptor[RESULT] = 0;
  transmit_count++;
  tx_frames[port]++;
  tx_bytes[port] += length;
}

static void flood(int32_t ingress, int32_t offset, int32_t length) {
  for (int32_t port = 0; port < port_count; port++) {
    if (port != ingress && domain_of_port[port] == domain_of_port[ingress]) transmit(port, offset, length);
  }
}

static int classify(int32_t port, int32_t offset, int32_t length) {
  const uint8_t *frame = memory + offset;
  if (length < 14) return RUNT_FRAME;
  if (length > length_max_of_port[port]) {
    if (uint16_at(frame + 12) != 0x8100 || length > length_max_of_port[port] + 4) return FRAME_TOO_LONG;
  }
  if (frame[-10] != 0 || frame[-9] != 0) return OFFLOADED;
  if ((frame[6] & 1) != 0) return SOURCE_MULTICAST;
  return ACCEPTED;
}

static int bridge(int32_t port, int32_t offset, int32_t length, int32_t now) {
  const uint8_t *frame = memory + offset;
  int32_t domain = domain_of_port[port];
  int32_t target_hi = uint16_at(frame);
  int32_t target_lo = int32_at(frame + 2);
  if (target_hi == 0x0180 && (target_lo & ~0xf) == (int32_t)0xc2000000) return RESERVED_ADDRESS;
  learn(domain, uint16_at(frame + 6), int32_at(frame + 8), port, now);
  int32_t egress = (target_hi & 0x0100) != 0 ? NONE : lookup(domain, target_hi, target_lo, now);
  if (egress == NONE) {
    flood(port, offset, length);
    return ACCEPTED;
  }
  if (egress == port) return SAME_PORT;
  transmit(egress, offset, length);
  return ACCEPTED;
}

static void process_burst(int32_t count, int32_t now) {
  transmit_count = 0;
  for (int32_t index = 0; index < count; index++) {
    const int32_t *descriptor = received + index * DESCRIPTOR_WORDS;
    int32_t port = descriptor[PORT], offset = descriptor[OFFSET], length = descriptor[LENGTH];
    rx_frames[port]++;
    rx_bytes[port] += length;
    int reason = classify(port, offset, length);
    if (reason == ACCEPTED) reason = bridge(port, offset, length, now);
    if (reason != ACCEPTED) drops[reason]++;
  }
}

/* ---- traffic and measurement ---- */

static uint32_t random_state = 1;

static int32_t draw(int32_t below) {
  random_state = random_state * 1664525u + 1013904223u;
  return (int32_t)((random_state >> 8) % (uint32_t)below);
}

static void put_address(uint8_t *bytes, int32_t station) {
  const uint8_t address[6] = {2, 0, (uint8_t)(station >> 24), (uint8_t)(station >> 16), (uint8_t)(station >> 8), (uint8_t)station};
  memcpy(bytes, address, 6);
}

static void prepare(int32_t *prepared, int32_t stations) {
  for (int32_t k = 0; k < FRAMES; k++) {
    int32_t source = draw(stations), target;
    do target = draw(stations);
    while (target % port_count == source % port_count);
    uint8_t *frame = memory + k * STRIDE + HEADROOM;
    put_address(frame, target);
    put_address(frame + 6, source);
    frame[12] = 0x88;
    frame[13] = 0xb5;
    int32_t *descriptor = prepared + k * DESCRIPTOR_WORDS;
    descriptor[PORT] = source % port_count;
    descriptor[OFFSET] = k * STRIDE + HEADROOM;
    descriptor[LENGTH] = FRAME_LENGTH;
    descriptor[RESULT] = 0;
  }
  for (int32_t station = 0; station < stations; station++) learn(DOMAIN, 0x0200, station, station % port_count, 0);
}

static void poll_burst(const int32_t *prepared, int32_t burst) {
  memcpy(received, prepared + burst * BURST % FRAMES * DESCRIPTOR_WORDS, sizeof received);
}

static uint32_t checksum_of_pass(const int32_t *prepared, int32_t now) {
  uint32_t sum = 2166136261u;
  for (int32_t burst = 0; burst < FRAMES / BURST; burst++) {
    poll_burst(prepared, burst);
    process_burst(BURST, now);
    for (int32_t index = 0; index < transmit_count; index++) {
      for (int32_t word = PORT; word <= LENGTH; word++) {
        sum = (sum ^ (uint32_t)transmits[index * DESCRIPTOR_WORDS + word]) * 16777619u;
      }
    }
  }
  return sum;
}

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int ascending(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static double total(const double *counters, int32_t count) {
  double sum = 0;
  for (int32_t index = 0; index < count; index++) sum += counters[index];
  return sum;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s PORTS STATIONS BURSTS ROUNDS\n", argv[0]);
    return 2;
  }
  port_count = atoi(argv[1]);
  int32_t stations = atoi(argv[2]), bursts = atoi(argv[3]), rounds = atoi(argv[4]);
  if (port_count < 2 || port_count > 65535 || stations < port_count || bursts < 1 || rounds < 1 || rounds >= AGEING_S) {
    fprintf(stderr, "%s: needs 2 ports or more, a station on each, a burst, and 1 to %d rounds\n", argv[0], AGEING_S - 1);
    return 2;
  }

  size_t ports = (size_t)port_count;
  memory = aligned_alloc(4096, FRAMES * STRIDE);
  int32_t *prepared = malloc(FRAMES * DESCRIPTOR_WORDS * 4);
  domain_of_port = malloc(ports * 4);
  length_max_of_port = malloc(ports * 4);
  rx_frames = calloc(ports, 8);
  rx_bytes = calloc(ports, 8);
  tx_frames = calloc(ports, 8);
  tx_bytes = calloc(ports, 8);
  double *samples = calloc((size_t)rounds, 8);
  if (!memory || !prepared || !domain_of_port || !length_max_of_port || !rx_frames || !rx_bytes || !tx_frames || !tx_bytes ||
      !samples) {
    abort();
  }
  memset(memory, 0, FRAMES * STRIDE);
  for (int32_t port = 0; port < port_count; port++) {
    domain_of_port[port] = DOMAIN;
    length_max_of_port[port] = MTU + 14;
  }
  create_table(stations, port_count, 1);
  prepare(prepared, stations);

  for (int32_t round = 0; round < rounds; round++) {
    double start = now_ns();
    for (int32_t burst = 0; burst < bursts; burst++) {
      poll_burst(prepared, burst);
      process_burst(BURST, round + 1);
    }
    samples[round] = (now_ns() - start) / ((double)bursts * BURST);
  }
  double rx = total(rx_frames, port_count), tx = total(tx_frames, port_count);
  double dropped = total(drops, REASONS), sent_bytes = total(tx_bytes, port_count);
  qsort(samples, (size_t)rounds, sizeof *samples, ascending);
  double median = (samples[(rounds - 1) / 2] + samples[rounds / 2]) / 2;
  printf("{\"ports\":%d,\"stations\":%d,\"nsPerFrame\":%.3f,\"minimumNsPerFrame\":%.3f,\"received\":%.0f,\"transmitted\":%.0f,"
         "\"transmittedBytes\":%.0f,\"dropped\":%.0f,\"checksum\":%u}\n",
         port_count, stations, median, samples[0], rx, tx, sent_bytes, dropped, checksum_of_pass(prepared, rounds));
  return 0;
}
