#define _GNU_SOURCE
#include "arguments.h"

#include <stdio.h>
#include <string.h>

struct call begin(napi_env env, napi_callback_info info)
{
	struct call call = { .env = env, .count = ARGUMENTS_MAX, .ok = true };
	napi_get_cb_info(env, info, &call.count, call.values, NULL, NULL);
	return call;
}

void refuse(struct call *call, const char *what)
{
	if (call->ok)
		napi_throw_type_error(call->env, "ERR_INVALID_ARG_TYPE", what);
	call->ok = false;
}

napi_value throw_errno(napi_env env, const char *step, int error)
{
	const char *name = strerrorname_np(error);
	char message[160];
	snprintf(message, sizeof(message), "%s: %s", step, strerror(error));
	napi_value code, text, result, step_value;
	napi_create_string_utf8(env, name != NULL ? name : "UNKNOWN", NAPI_AUTO_LENGTH, &code);
	napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text);
	napi_create_error(env, code, text, &result);
	napi_create_string_utf8(env, step, NAPI_AUTO_LENGTH, &step_value);
	napi_set_named_property(env, result, "step", step_value);
	napi_throw(env, result);
	return NULL;
}

/* Node-API would take 2^32 for 0 and 1.5 for 1. */
static int32_t int32_value(struct call *call, napi_value from)
{
	double value = 0;
	if (napi_get_value_double(call->env, from, &value) != napi_ok || !(value >= INT32_MIN && value <= INT32_MAX) ||
	    value != (int32_t)value) {
		refuse(call, "expected an integer of 32 bits");
		return 0;
	}
	return (int32_t)value;
}

int32_t int32_argument(struct call *call, size_t index)
{
	if (index < call->count)
		return int32_value(call, call->values[index]);
	refuse(call, "expected an integer of 32 bits");
	return 0;
}

size_t int32s_argument(struct call *call, size_t index, int32_t *to, size_t max)
{
	bool is_array = false;
	uint32_t count = 0;
	napi_value element;
	if (index < call->count)
		napi_is_array(call->env, call->values[index], &is_array);
	if (is_array)
		napi_get_array_length(call->env, call->values[index], &count);
	if (count < 1 || count > max)
		refuse(call, "expected an array of integers");
	for (uint32_t i = 0; call->ok && i < count; i++) {
		if (napi_get_element(call->env, call->values[index], i, &element) != napi_ok)
			refuse(call, "expected an array of integers");
		else
			to[i] = int32_value(call, element);
	}
	return call->ok ? count : 0;
}

bool bool_argument(struct call *call, size_t index)
{
	bool value = false;
	if (index >= call->count || napi_get_value_bool(call->env, call->values[index], &value) != napi_ok)
		refuse(call, "expected a boolean");
	return value;
}

/* The named property of the options object; undefined is *present == false. */
static napi_value property(struct call *call, const char *name, bool *present)
{
	napi_value value = NULL;
	napi_valuetype type = napi_undefined;
	*present = false;
	if (call->count < 1 || napi_get_named_property(call->env, call->values[0], name, &value) != napi_ok ||
	    napi_typeof(call->env, value, &type) != napi_ok) {
		refuse(call, "expected an options object");
		return NULL;
	}
	*present = type != napi_undefined;
	return value;
}

uint32_t uint32_property(struct call *call, const char *name)
{
	bool present;
	double result = 0;
	napi_value value = property(call, name, &present);
	if (call->ok && (!present || napi_get_value_double(call->env, value, &result) != napi_ok ||
	                 !(result >= 0 && result <= UINT32_MAX) || result != (uint32_t)result))
		refuse(call, name);
	return call->ok ? (uint32_t)result : 0;
}

bool bool_property(struct call *call, const char *name)
{
	bool present, result = false;
	napi_value value = property(call, name, &present);
	if (call->ok && (!present || napi_get_value_bool(call->env, value, &result) != napi_ok))
		refuse(call, name);
	return result;
}

bool string_property(struct call *call, const char *name, char *to, size_t size)
{
	bool present;
	size_t length = 0;
	napi_value value = property(call, name, &present);
	if (!call->ok || !present)
		return false;
	if (napi_get_value_string_utf8(call->env, value, NULL, 0, &length) != napi_ok || length >= size) {
		refuse(call, name);
		return false;
	}
	napi_get_value_string_utf8(call->env, value, to, size, &length);
	if (strlen(to) != length)
		refuse(call, name);
	return call->ok;
}

bool bytes_property(struct call *call, const char *name, uint8_t *to, size_t wanted)
{
	bool present, is_array = false;
	napi_typedarray_type type = napi_int8_array;
	void *bytes = NULL;
	size_t size = 0;
	napi_value value = property(call, name, &present);
	if (!call->ok || !present)
		return false;
	napi_is_typedarray(call->env, value, &is_array);
	if (is_array)
		napi_get_typedarray_info(call->env, value, &type, &size, &bytes, NULL, NULL);
	if (type != napi_uint8_array || size != wanted || bytes == NULL)
		refuse(call, name);
	else
		memcpy(to, bytes, wanted);
	return call->ok;
}

bool bytes_argument(struct call *call, size_t index, uint8_t **bytes, size_t *size)
{
	bool is_array = false;
	napi_typedarray_type type = napi_int8_array;
	void *start = NULL;
	if (index < call->count)
		napi_is_typedarray(call->env, call->values[index], &is_array);
	if (is_array)
		napi_get_typedarray_info(call->env, call->values[index], &type, size, &start, NULL, NULL);
	if (!is_array || type != napi_uint8_array)
		refuse(call, "expected a Uint8Array");
	*bytes = start;
	return call->ok;
}

bool string_argument(struct call *call, size_t index, char *to, size_t size)
{
	size_t length = 0;
	if (index >= call->count ||
	    napi_get_value_string_utf8(call->env, call->values[index], NULL, 0, &length) != napi_ok || length >= size) {
		refuse(call, "expected a string");
		return false;
	}
	napi_get_value_string_utf8(call->env, call->values[index], to, size, &length);
	return call->ok;
}

void set_int32(napi_env env, napi_value object, const char *name, int32_t value)
{
	napi_value number;
	napi_create_int32(env, value, &number);
	napi_set_named_property(env, object, name, number);
}

void set_string(napi_env env, napi_value object, const char *name, const char *value)
{
	napi_value text;
	napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &text);
	napi_set_named_property(env, object, name, text);
}
