#define _GNU_SOURCE
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "log.json"
#define OLDER_NAME "log.json.1"

static const char *const stream_names[] = { "stdout", "stderr" };

/* ----------------------------------------------------------------------------------------------- the file */

static bool open_file(struct log *log)
{
	struct stat found;
	log->file = openat(log->directory, NAME, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (log->file < 0)
		return false;
	log->size = fstat(log->file, &found) == 0 ? (size_t)found.st_size : 0;
	return true;
}

bool log_open(struct log *log, int directory)
{
	log->directory = directory;
	return open_file(log);
}

static void rotate(struct log *log)
{
	close(log->file);
	log->file = -1;
	if (renameat(log->directory, NAME, log->directory, OLDER_NAME) < 0)
		unlinkat(log->directory, NAME, 0);
}

/* Bytes of the entries that are whole in the first `length` of them. */
static size_t whole_entries(const uint8_t *entries, size_t length)
{
	const uint8_t *end = memrchr(entries, '\n', length);
	return end == NULL ? 0 : (size_t)(end - entries) + 1;
}

/* An entry is in the file as a whole or not at all: half of one would spoil the one behind it as well. */
static void write_entries(struct log *log)
{
	const size_t length = log->entries.length;
	if (log->file >= 0 && log->size > 0 && log->size + length > LOG_FILE_MAX)
		rotate(log);
	if (length > 0 && (log->file >= 0 || open_file(log))) {
		const ssize_t written = write(log->file, queue_front(&log->entries), length);
		if (written > 0)
			log->size += whole_entries(queue_front(&log->entries), (size_t)written);
		if (written > 0 && (size_t)written < length && ftruncate(log->file, (off_t)log->size) < 0)
			rotate(log);
	}
	queue_clear(&log->entries);
}

/* -------------------------------------------------------------------------------------------------- UTF-8 */

struct sequence {
	size_t length;
	bool valid;
	bool cut; /* it may become valid with what comes next */
};

/*
 * The sequence that `bytes` begin with, or the longest beginning of one, which is then to be replaced as a whole
 * (Unicode 15, table 3-7 and section 3.9, "U+FFFD Substitution of Maximal Subparts").
 */
static struct sequence utf8_sequence(const uint8_t *bytes, size_t length)
{
	const uint8_t first = bytes[0];
	uint8_t low = 0x80, high = 0xbf;
	size_t wanted;
	if (first < 0x80)
		return (struct sequence){ 1, true, false };
	if (first >= 0xc2 && first <= 0xdf)
		wanted = 2;
	else if (first >= 0xe0 && first <= 0xef)
		wanted = 3;
	else if (first >= 0xf0 && first <= 0xf4)
		wanted = 4;
	else
		return (struct sequence){ 1, false, false };
	if (first == 0xe0)
		low = 0xa0; /* shorter would do */
	else if (first == 0xed)
		high = 0x9f; /* surrogates */
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f; /* beyond U+10FFFF */
	for (size_t index = 1; index < wanted; index++) {
		if (index == length)
			return (struct sequence){ index, false, true };
		if (bytes[index] < low || bytes[index] > high)
			return (struct sequence){ index, false, false };
		low = 0x80;
		high = 0xbf;
	}
	return (struct sequence){ wanted, true, false };
}

/* ------------------------------------------------------------------------------------------------ entries */

/* JSON's escape for a character that may not stand for itself in a string; NULL where it may (RFC 8259, 7). */
static const char *escape(uint8_t byte, char room[8])
{
	if (byte == '"')
		return "\\\"";
	if (byte == '\\')
		return "\\\\";
	if (byte == '\n')
		return "\\n";
	if (byte == '\r')
		return "\\r";
	if (byte == '\t')
		return "\\t";
	if (byte >= 0x20)
		return NULL;
	snprintf(room, 8, "\\u%04x", byte);
	return room;
}

static bool append_text(struct queue *queue, const char *text)
{
	return queue_append(queue, text, strlen(text));
}

static bool append_string(struct queue *queue, const uint8_t *bytes, size_t length)
{
	bool fits = append_text(queue, "\"");
	for (size_t index = 0; index < length && fits;) {
		char room[8];
		const struct sequence sequence = utf8_sequence(bytes + index, length - index);
		const char *instead = sequence.valid ? escape(bytes[index], room) : "\xef\xbf\xbd";
		fits = instead != NULL ? append_text(queue, instead) : queue_append(queue, bytes + index, sequence.length);
		index += sequence.length;
	}
	return fits && append_text(queue, "\"");
}

static void append_entry(struct log *log, enum log_stream stream, const uint8_t *bytes, size_t length)
{
	char rest[96];
	snprintf(rest, sizeof(rest), ",\"stream\":\"%s\",\"time\":\"%s\"}\n", stream_names[stream], log->time);
	const size_t before = log->entries.length;
	if (append_text(&log->entries, "{\"log\":") && append_string(&log->entries, bytes, length) &&
	    append_text(&log->entries, rest))
		return;
	log->entries.length = before;
}

/* Bytes at the end that are a character only together with what comes next. */
static size_t cut_character(const uint8_t *bytes, size_t length)
{
	for (size_t back = 1; back <= 3 && back <= length; back++) {
		const uint8_t *from = bytes + length - back;
		if ((*from & 0xc0) != 0x80)
			return utf8_sequence(from, back).cut ? back : 0;
	}
	return 0;
}

static void end_line(struct log *log, enum log_stream stream, size_t keep)
{
	struct log_line *line = &log->lines[stream];
	append_entry(log, stream, line->bytes, line->length - keep);
	memmove(line->bytes, line->bytes + line->length - keep, keep);
	line->length = keep;
}

void log_write(struct log *log, enum log_stream stream, const uint8_t *bytes, size_t length)
{
	struct log_line *line = &log->lines[stream];
	clock_text(log->time);
	while (length > 0) {
		const size_t room = LOG_LINE_MAX - line->length, part = length < room ? length : room;
		const uint8_t *end = memchr(bytes, '\n', part);
		const size_t taken = end != NULL ? (size_t)(end - bytes) + 1 : part;
		memcpy(line->bytes + line->length, bytes, taken);
		line->length += taken;
		bytes += taken;
		length -= taken;
		if (end != NULL)
			end_line(log, stream, 0);
		else if (line->length == LOG_LINE_MAX)
			end_line(log, stream, cut_character(line->bytes, line->length));
	}
	write_entries(log);
}

void log_end(struct log *log)
{
	clock_text(log->time);
	for (enum log_stream stream = LOG_STDOUT; stream <= LOG_STDERR; stream++)
		if (log->lines[stream].length > 0)
			end_line(log, stream, 0);
	write_entries(log);
}
