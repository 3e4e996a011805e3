#ifndef TAPWIRE_SHIM_LOG_H
#define TAPWIRE_SHIM_LOG_H

#include "clock.h"
#include "queue.h"

/* Bytes of a line that is still without its end, after which it is written as it is. Docker's number. */
#define LOG_LINE_MAX 16384

/* The file becomes log.json.1 before it grows beyond this. */
#define LOG_FILE_MAX (10 * 1024 * 1024)

enum log_stream { LOG_STDOUT, LOG_STDERR };

struct log_line {
	size_t length;
	uint8_t bytes[LOG_LINE_MAX];
};

/* What the command prints, as JSON lines. A disk that is full costs lines, never the command's progress. */
struct log {
	int directory;
	int file; /* -1 where it could not be opened; tried again with every entry */
	size_t size;
	char time[TIME_TEXT_SIZE]; /* of the entries that a call makes */
	struct queue entries; /* that a call has made so far */
	struct log_line lines[2];
};

/* False, with errno, where the file cannot be opened. */
bool log_open(struct log *log, int directory);
void log_write(struct log *log, enum log_stream stream, const uint8_t *bytes, size_t length);
/* Writes what is still without its end. */
void log_end(struct log *log);

#endif
