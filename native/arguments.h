/* The arguments of a call from JavaScript: what is not what it should be is refused, with an exception. */
#ifndef TAPWIRE_ARGUMENTS_H
#define TAPWIRE_ARGUMENTS_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARGUMENTS_MAX 6

/* A call's arguments; `ok` turns false at the first that is not what it should be, and an exception is then pending. */
struct call {
	napi_env env;
	size_t count;
	napi_value values[ARGUMENTS_MAX];
	bool ok;
};

struct call begin(napi_env env, napi_callback_info info);
void refuse(struct call *call, const char *what);
/* Throws an Error whose `code` is the errno's name and whose `step` says what was being done. */
napi_value throw_errno(napi_env env, const char *step, int error);

int32_t int32_argument(struct call *call, size_t index);
bool bool_argument(struct call *call, size_t index);
/* False where it is no Uint8Array. The bytes are JavaScript's, and stay where they are as long as the call lasts. */
bool bytes_argument(struct call *call, size_t index, uint8_t **bytes, size_t *size);
/* The integers of an array, 1 to `max` of them; returns how many. */
size_t int32s_argument(struct call *call, size_t index, int32_t *to, size_t max);
bool string_argument(struct call *call, size_t index, char *to, size_t size);

/* Properties of the options object, which is the first argument. */
uint32_t uint32_property(struct call *call, const char *name);
bool bool_property(struct call *call, const char *name);
/* False where the property is undefined. One with a NUL in it would be cut off there. */
bool string_property(struct call *call, const char *name, char *to, size_t size);
/* A Uint8Array of exactly `size` bytes; false where the property is undefined. */
bool bytes_property(struct call *call, const char *name, uint8_t *to, size_t size);

/* Sets a property of an object that is being made. */
void set_int32(napi_env env, napi_value object, const char *name, int32_t value);
void set_string(napi_env env, napi_value object, const char *name, const char *value);

#endif
