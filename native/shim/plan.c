#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARKER "TAPWIRE_SANDBOX"

/* PATH, HOME, HOSTNAME, TERM, the marker, and the NULL. */
#define ADDED_MAX 6

static size_t count_strings(const char *bytes, size_t length)
{
	size_t count = 0;
	for (size_t index = 0; index < length; index++)
		count += bytes[index] == '\0';
	return count;
}

static char *next_string(char **cursor)
{
	char *string = *cursor;
	*cursor += strlen(string) + 1;
	return string;
}

static const char *parse_flags(const char *flags, struct plan *plan)
{
	for (; *flags != '\0'; flags++) {
		if (*flags == 't')
			plan->tty = true;
		else if (*flags == 'i')
			plan->open_stdin = true;
		else if (*flags == 'd')
			plan->detached = true;
		else
			return "the plan has an unknown flag";
	}
	return plan->detached && plan->tty ? "a detached command has no terminal" : NULL;
}

/* Digits only: no sign, no blank, and no more of them than strings in the plan. */
static bool parse_count(const char *text, size_t max, size_t *count)
{
	*count = 0;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		*count = *count * 10 + (size_t)(*text - '0');
		if (*count > max)
			return false;
	}
	return true;
}

static bool is_variable(const char *entry, const char *name)
{
	size_t length = strlen(name);
	return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

const char *plan_variable(const struct plan *plan, const char *name)
{
	for (char **entry = plan->environment; *entry != NULL; entry++)
		if (is_variable(*entry, name))
			return *entry + strlen(name) + 1;
	return NULL;
}

/* Writes `NAME=value` to the memory at `*room` and puts it into the environment. */
static void set_variable(struct plan *plan, size_t *count, char **room, const char *name, const char *value)
{
	plan->environment[(*count)++] = *room;
	plan->environment[*count] = NULL;
	*room += sprintf(*room, "%s=%s", name, value) + 1;
}

/* Its marker is the one thing that a command cannot choose: what a killed shim leaves behind is found by it. */
static void remove_marker(struct plan *plan, size_t *count)
{
	size_t kept = 0;
	for (size_t index = 0; index < *count; index++)
		if (!is_variable(plan->environment[index], MARKER))
			plan->environment[kept++] = plan->environment[index];
	plan->environment[kept] = NULL;
	*count = kept;
}

static bool complete_environment(struct plan *plan, size_t count, const char *marker)
{
	char hostname[65] = "";
	(void)gethostname(hostname, sizeof(hostname) - 1);
	plan->added = malloc(512 + strlen(marker));
	if (plan->added == NULL)
		return false;
	char *room = plan->added;
	remove_marker(plan, &count);
	set_variable(plan, &count, &room, MARKER, marker);
	if (plan_variable(plan, "PATH") == NULL)
		set_variable(plan, &count, &room, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (plan_variable(plan, "HOME") == NULL)
		set_variable(plan, &count, &room, "HOME", "/root");
	if (plan_variable(plan, "HOSTNAME") == NULL)
		set_variable(plan, &count, &room, "HOSTNAME", hostname);
	if (plan->tty && plan_variable(plan, "TERM") == NULL)
		set_variable(plan, &count, &room, "TERM", "xterm");
	return true;
}

const char *plan_parse(char *bytes, size_t length, const char *marker, struct plan *plan)
{
	*plan = (struct plan){ 0 };
	size_t strings = count_strings(bytes, length), count;
	if (strings < 4 || bytes[length - 1] != '\0')
		return "the plan is not whole";
	char *cursor = bytes;
	const char *wrong = parse_flags(next_string(&cursor), plan);
	if (wrong != NULL)
		return wrong;
	plan->directory = next_string(&cursor);
	if (plan->directory[0] == '\0')
		plan->directory = "/";
	if (!parse_count(next_string(&cursor), strings - 3, &count) || count == 0)
		return "the plan has a wrong count of arguments";
	size_t variables = strings - 3 - count;
	plan->arguments = calloc(count + 1, sizeof(char *));
	plan->environment = calloc(variables + ADDED_MAX, sizeof(char *));
	if (plan->arguments != NULL && plan->environment != NULL) {
		for (size_t index = 0; index < count; index++)
			plan->arguments[index] = next_string(&cursor);
		for (size_t index = 0; index < variables; index++)
			plan->environment[index] = next_string(&cursor);
		if (complete_environment(plan, variables, marker))
			return NULL;
	}
	plan_free(plan);
	return "out of memory";
}

void plan_free(struct plan *plan)
{
	free(plan->arguments);
	free(plan->environment);
	free(plan->added);
	*plan = (struct plan){ 0 };
}
