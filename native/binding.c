/*
 * The Node-API surface of frame I/O and TAPs: argument checking, and nothing else. src/ports/native.ts is its only importer and gives the
 * functions their types and their documentation.
 *
 * Hot: poll(handle, transmitCount, timeoutUs). It takes and returns integers; everything else is in the shared memory.
 */
#define _GNU_SOURCE
#include "arguments.h"
#include "frame_io.h"
#include "machine_binding.h"
#include "tap.h"
#include "tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

/* --------------------------------------------------------------------------------------------- frame I/O */

/* What the send word has bits for. */
#define SOURCES_MAX 256

struct handle {
	struct frame_io io;
	napi_ref buffer; /* keeps the ArrayBuffer of the memory until close() has detached it */
	bool open;
};

static const napi_type_tag handle_tag = { 0x7461707769726531ULL, 0x6672616d65696f31ULL };

static struct handle *handle_argument(struct call *call)
{
	bool ours = false;
	void *handle = NULL;
	if (call->count < 1 || napi_check_object_type_tag(call->env, call->values[0], &handle_tag, &ours) != napi_ok ||
	    !ours || napi_get_value_external(call->env, call->values[0], &handle) != napi_ok) {
		refuse(call, "expected a frame I/O handle");
		return NULL;
	}
	return handle;
}

/* Like handle_argument, for functions that need the handle open. */
static struct handle *open_handle_argument(struct call *call)
{
	struct handle *handle = handle_argument(call);
	if (handle != NULL && handle->open)
		return handle;
	if (handle != NULL)
		throw_errno(call->env, "use-closed", EBADF);
	call->ok = false;
	return NULL;
}

static void close_at_exit(void *data)
{
	struct handle *handle = data;
	if (handle->open)
		frame_io_close(&handle->io);
	handle->open = false;
}

/* Views of JavaScript are empty from here on, and none can touch memory that is gone. */
static void detach_memory(napi_env env, struct handle *handle)
{
	napi_value buffer;
	if (napi_get_reference_value(env, handle->buffer, &buffer) == napi_ok && buffer != NULL)
		napi_detach_arraybuffer(env, buffer);
	napi_delete_reference(env, handle->buffer);
}

/* Nobody has the handle any more, but the memory may still be in somebody's hands. */
static void finalize_handle(napi_env env, void *data, void *hint)
{
	struct handle *handle = data;
	(void)hint;
	if (handle->open)
		detach_memory(env, handle);
	close_at_exit(handle);
	napi_remove_env_cleanup_hook(env, close_at_exit, handle);
	free(handle);
}

static struct frame_io_options frame_io_options(struct call *call)
{
	return (struct frame_io_options){
		.memory_size = uint32_property(call, "memorySize"),
		.status = uint32_property(call, "status"),
		.events = uint32_property(call, "events"),
		.events_max = uint32_property(call, "eventsMax"),
		.received = uint32_property(call, "received"),
		.burst_max = uint32_property(call, "burstMax"),
		.transmits = uint32_property(call, "transmits"),
		.transmit_max = uint32_property(call, "transmitMax"),
		.slots = uint32_property(call, "slots"),
		.slot_size = uint32_property(call, "slotSize"),
		.slot_count = uint32_property(call, "slotCount"),
		.headroom = uint32_property(call, "headroom"),
		.gathers = uint32_property(call, "gathers"),
		.gather_words = uint32_property(call, "gatherWords"),
		.sums = uint32_property(call, "sums"),
		.datagrams_max = uint32_property(call, "datagramsMax"),
		.ports_max = uint32_property(call, "portsMax"),
		.wake_fd = (int)uint32_property(call, "wakeDescriptor"),
	};
}

static napi_value frame_io_result(napi_env env, struct handle *handle)
{
	napi_value result, external, buffer;
	napi_create_object(env, &result);
	napi_create_external(env, handle, finalize_handle, NULL, &external);
	napi_type_tag_object(env, external, &handle_tag);
	napi_create_external_arraybuffer(env, handle->io.memory, handle->io.options.memory_size, NULL, NULL, &buffer);
	napi_create_reference(env, buffer, 1, &handle->buffer);
	napi_set_named_property(env, result, "handle", external);
	napi_set_named_property(env, result, "memory", buffer);
	return result;
}

static const struct backend *backend_named(const char *name)
{
	if (strcmp(name, uring_backend.name) == 0)
		return &uring_backend;
	return strcmp(name, epoll_backend.name) == 0 ? &epoll_backend : NULL;
}

static napi_value open_frame_io(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char name[16] = "";
	string_property(&call, "backend", name, sizeof(name));
	const struct backend *backend = backend_named(name);
	if (backend == NULL)
		refuse(&call, "backend");
	struct frame_io_options options = frame_io_options(&call);
	if (!call.ok)
		return NULL;
	struct handle *handle = calloc(1, sizeof(*handle));
	int result = handle == NULL ? -ENOMEM : frame_io_open(&handle->io, backend, &options);
	if (result < 0) {
		free(handle);
		return throw_errno(env, backend->name, -result);
	}
	handle->open = true;
	napi_add_env_cleanup_hook(env, close_at_exit, handle);
	return frame_io_result(env, handle);
}

static napi_value open_wake(napi_env env, napi_callback_info info)
{
	(void)info;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		return throw_errno(env, "wake", errno);
	napi_value result;
	napi_create_int32(env, fd, &result);
	return result;
}

static napi_value close_frame_io(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct handle *handle = handle_argument(&call);
	if (handle == NULL || !handle->open)
		return NULL;
	detach_memory(env, handle);
	frame_io_close(&handle->io);
	handle->open = false;
	return NULL;
}

static napi_value attach(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct handle *handle = open_handle_argument(&call);
	int32_t port = int32_argument(&call, 1);
	int32_t fd = int32_argument(&call, 2);
	bool virtio = bool_argument(&call, 3);
	if (!call.ok)
		return NULL;
	int result = frame_io_attach(&handle->io, (uint32_t)port, fd, virtio);
	return result < 0 ? throw_errno(env, "attach", -result) : NULL;
}

/* attachTunnel(handle, port, descriptor, sources) */
static napi_value attach_tunnel(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct handle *handle = open_handle_argument(&call);
	int32_t port = int32_argument(&call, 1);
	int32_t fd = int32_argument(&call, 2);
	int32_t sources[SOURCES_MAX];
	size_t count = int32s_argument(&call, 3, sources, SOURCES_MAX);
	if (!call.ok)
		return NULL;
	int result = tunnel_attach(&handle->io, (uint32_t)port, fd, sources, (uint32_t)count);
	return result < 0 ? throw_errno(env, "attach-tunnel", -result) : NULL;
}

/* attachPeer(handle, port, tunnelPort, address, udpPort) */
static napi_value attach_peer(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct handle *handle = open_handle_argument(&call);
	int32_t port = int32_argument(&call, 1);
	int32_t tunnel_port = int32_argument(&call, 2);
	uint8_t *address = NULL;
	size_t size = 0;
	bytes_argument(&call, 3, &address, &size);
	int32_t udp_port = int32_argument(&call, 4);
	if (call.ok && (size != 16 || udp_port < 1 || udp_port > UINT16_MAX))
		refuse(&call, "expected an address of 16 bytes and a port");
	if (!call.ok)
		return NULL;
	int result = tunnel_attach_peer(&handle->io, (uint32_t)port, (uint32_t)tunnel_port, address, (uint16_t)udp_port);
	return result < 0 ? throw_errno(env, "attach-peer", -result) : NULL;
}

static napi_value detach(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct handle *handle = open_handle_argument(&call);
	int32_t port = int32_argument(&call, 1);
	if (call.ok)
		frame_io_detach(&handle->io, (uint32_t)port);
	return NULL;
}

static napi_value release_port(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct handle *handle = open_handle_argument(&call);
	int32_t port = int32_argument(&call, 1);
	if (!call.ok)
		return NULL;
	napi_value result;
	napi_create_int32(env, frame_io_release(&handle->io, (uint32_t)port), &result);
	return result;
}

static napi_value transmit_frames(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct handle *handle = open_handle_argument(&call);
	int32_t count = int32_argument(&call, 1);
	if (!call.ok)
		return NULL;
	int result = frame_io_transmit(&handle->io, (uint32_t)count);
	return result < 0 ? throw_errno(env, "transmit", -result) : NULL;
}

static napi_value poll_frames(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct handle *handle = open_handle_argument(&call);
	int32_t transmit_count = int32_argument(&call, 1);
	int32_t timeout_us = int32_argument(&call, 2);
	if (!call.ok)
		return NULL;
	int count = frame_io_poll(&handle->io, (uint32_t)transmit_count, timeout_us);
	if (count < 0)
		return throw_errno(env, "poll", -count);
	napi_value result;
	napi_create_int32(env, count, &result);
	return result;
}

/* ------------------------------------------------------------------------------------------------- TAPs */

static napi_value open_tap(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char namespace_path[4096], name[INTERFACE_NAME_ROOM];
	bool in_namespace = string_property(&call, "namespace", namespace_path, sizeof(namespace_path));
	if (!string_property(&call, "name", name, sizeof(name)))
		refuse(&call, "name");
	struct tap_options options = {
		.namespace_path = in_namespace ? namespace_path : NULL,
		.name = name,
		.mtu = uint32_property(&call, "mtu"),
		.transmit_queue_length = uint32_property(&call, "transmitQueueLength"),
		.virtio = bool_property(&call, "virtio"),
		.multi_queue = bool_property(&call, "multiQueue"),
		.persistent = bool_property(&call, "persistent"),
	};
	options.has_mac = bytes_property(&call, "mac", options.mac, sizeof(options.mac));
	if (!call.ok)
		return NULL;
	struct failure failure = { 0 };
	bool taken_up = false;
	int fd = tap_open(&options, &taken_up, &failure);
	if (fd < 0)
		return throw_errno(env, failure.step, failure.error);
	napi_value result, descriptor, taken;
	napi_create_object(env, &result);
	napi_create_int32(env, fd, &descriptor);
	napi_set_named_property(env, result, "descriptor", descriptor);
	napi_get_boolean(env, taken_up, &taken);
	napi_set_named_property(env, result, "takenUp", taken);
	return result;
}

static napi_value set_persistent(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	int32_t fd = int32_argument(&call, 0);
	int32_t persistent = int32_argument(&call, 1);
	if (!call.ok)
		return NULL;
	int result = tap_set_persistent(fd, persistent != 0);
	return result < 0 ? throw_errno(env, "set-persistent", -result) : NULL;
}

static napi_value set_offload(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	int32_t fd = int32_argument(&call, 0);
	int32_t features = int32_argument(&call, 1);
	if (!call.ok)
		return NULL;
	int result = tap_set_offload(fd, (uint32_t)features);
	return result < 0 ? throw_errno(env, "set-offload", -result) : NULL;
}

NAPI_MODULE_INIT()
{
	const napi_property_descriptor functions[] = {
		{ "openWake", NULL, open_wake, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "openFrameIo", NULL, open_frame_io, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "closeFrameIo", NULL, close_frame_io, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "attach", NULL, attach, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "attachTunnel", NULL, attach_tunnel, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "attachPeer", NULL, attach_peer, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "detach", NULL, detach, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "release", NULL, release_port, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "transmit", NULL, transmit_frames, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "poll", NULL, poll_frames, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "openTap", NULL, open_tap, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "setPersistent", NULL, set_persistent, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "setOffload", NULL, set_offload, NULL, NULL, NULL, napi_enumerable, NULL },
	};
	napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions);
	machine_binding_define(env, exports);
	return exports;
}
