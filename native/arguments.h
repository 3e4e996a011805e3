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
bool string_argument(struct call *call, size_t index, char *to, size_t size);

/* Properties of the options object, which is the first argument. */
uint32_t uint32_property(struct call *call, const char *name);
bool bool_property(struct call *call, const char *name);
/* False where the property is undefined. One with a NUL in it would be cut off there. */
bool string_property(struct call *call, const char *name, char *to, size_t size);
/* The six bytes of the property `mac`; false where it is undefined. */
bool mac_property(struct call *call, uint8_t to[6]);

/* Sets a property of an object that is being made. */
void set_int32(napi_env env, napi_value object, const char *name, int32_t value);
void set_string(napi_env env, napi_value object, const char *name, const char *value);

#endif
