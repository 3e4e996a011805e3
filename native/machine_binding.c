/* The Node-API surface of packet sockets, reserved ports and namespaces: argument checking, and nothing else. */
#define _GNU_SOURCE
#include "machine_binding.h"

#include "arguments.h"
#include "arrival_watch.h"
#include "namespace.h"
#include "namespace_socket.h"
#include "packet_socket.h"
#include "reserved_ports.h"
#include "tap.h"
#include "udp_socket.h"

#include <stdlib.h>
#include <string.h>

static uint32_t bounded_property(struct call *call, const char *name, uint32_t min, uint32_t max)
{
	uint32_t value = uint32_property(call, name);
	if (call->ok && (value < min || value > max))
		refuse(call, name);
	return value;
}

/* ------------------------------------------------------------------------------------------ packet sockets */

static napi_value packet_socket_result(napi_env env, int fd, const struct packet_socket_facts *facts)
{
	napi_value result, buffer, mac;
	void *bytes = NULL;
	napi_create_object(env, &result);
	set_int32(env, result, "descriptor", fd);
	set_int32(env, result, "ifindex", facts->ifindex);
	set_int32(env, result, "mtu", facts->mtu);
	napi_create_arraybuffer(env, sizeof(facts->mac), &bytes, &buffer);
	memcpy(bytes, facts->mac, sizeof(facts->mac));
	napi_create_typedarray(env, napi_uint8_array, sizeof(facts->mac), buffer, 0, &mac);
	napi_set_named_property(env, result, "mac", mac);
	return result;
}

static napi_value open_packet_socket(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char namespace_path[4096], interface[INTERFACE_NAME_ROOM];
	bool in_namespace = string_property(&call, "namespace", namespace_path, sizeof(namespace_path));
	if (!string_property(&call, "interface", interface, sizeof(interface)))
		refuse(&call, "interface");
	struct packet_socket_options options = {
		.namespace_path = in_namespace ? namespace_path : NULL,
		.interface = interface,
		.promiscuous = bool_property(&call, "promiscuous"),
		.without_own = bool_property(&call, "withoutOwn"),
		.receive_buffer = uint32_property(&call, "receiveBuffer"),
		.send_buffer = uint32_property(&call, "sendBuffer"),
		.frame_max = uint32_property(&call, "frameMax"),
	};
	if (!call.ok)
		return NULL;
	struct failure failure = { 0 };
	struct packet_socket_facts facts = { 0 };
	int fd = packet_socket_open(&options, &facts, &failure);
	return fd < 0 ? throw_errno(env, failure.step, failure.error) : packet_socket_result(env, fd, &facts);
}

/* -------------------------------------------------------------------------------------- sockets of tunnels */

static bool address_property(struct call *call, const char *name, uint8_t to[16])
{
	bool present = bytes_property(call, name, to, 16);
	if (!present)
		refuse(call, name);
	return present;
}

static napi_value open_udp_socket(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char namespace_path[4096];
	bool in_namespace = string_property(&call, "namespace", namespace_path, sizeof(namespace_path));
	struct udp_socket_options options = {
		.namespace_path = in_namespace ? namespace_path : NULL,
		.port = (uint16_t)bounded_property(&call, "port", 1, UINT16_MAX),
		.receives = bool_property(&call, "receives"),
		.ttl = bounded_property(&call, "ttl", 1, UINT8_MAX),
		.receive_buffer = bounded_property(&call, "receiveBuffer", 0, INT32_MAX),
		.send_buffer = bounded_property(&call, "sendBuffer", 0, INT32_MAX),
	};
	if (!address_property(&call, "address", options.address))
		return NULL;
	struct failure failure = { 0 };
	napi_value result;
	int fd = udp_socket_open(&options, &failure);
	if (fd < 0)
		return throw_errno(env, failure.step, failure.error);
	napi_create_int32(env, fd, &result);
	return result;
}

static napi_value route_mtu(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char namespace_path[4096];
	uint8_t from[16], to[16];
	bool in_namespace = string_property(&call, "namespace", namespace_path, sizeof(namespace_path));
	if (!address_property(&call, "local", from) || !address_property(&call, "address", to))
		return NULL;
	struct failure failure = { 0 };
	napi_value result;
	int mtu = udp_socket_route_mtu(in_namespace ? namespace_path : NULL, from, to, &failure);
	if (mtu < 0)
		return throw_errno(env, failure.step, failure.error);
	napi_create_int32(env, mtu, &result);
	return result;
}

/* ------------------------------------------------------------------------------------------------ handles */

/* A watch, or a reservation: what JavaScript holds by an external value, and what goes with it or with the thread. */
struct holder {
	bool open;
	void (*close)(struct holder *holder);
	union {
		struct arrival_watch watch;
		struct reserved_ports reserved;
	};
};

static const napi_type_tag watch_tag = { 0x7461707769726532ULL, 0x6172726976616c73ULL };
static const napi_type_tag reserved_tag = { 0x7461707769726533ULL, 0x7265736572766564ULL };

static void close_watch(struct holder *holder)
{
	arrival_watch_close(&holder->watch);
}

static void close_reserved(struct holder *holder)
{
	reserved_ports_close(&holder->reserved);
}

static void close_holder(void *data)
{
	struct holder *holder = data;
	if (holder->open)
		holder->close(holder);
	holder->open = false;
}

static void finalize_holder(napi_env env, void *data, void *hint)
{
	(void)hint;
	close_holder(data);
	napi_remove_env_cleanup_hook(env, close_holder, data);
	free(data);
}

static napi_value external_of(napi_env env, struct holder *holder, const napi_type_tag *tag)
{
	napi_value external;
	holder->open = true;
	napi_add_env_cleanup_hook(env, close_holder, holder);
	napi_create_external(env, holder, finalize_holder, NULL, &external);
	napi_type_tag_object(env, external, tag);
	return external;
}

static struct holder *holder_of(struct call *call, napi_value value, const napi_type_tag *tag)
{
	bool ours = false;
	void *holder = NULL;
	if (napi_check_object_type_tag(call->env, value, tag, &ours) != napi_ok || !ours ||
	    napi_get_value_external(call->env, value, &holder) != napi_ok) {
		refuse(call, "expected a handle");
		return NULL;
	}
	return holder;
}

static struct holder *holder_argument(struct call *call, const napi_type_tag *tag)
{
	if (call->count >= 1)
		return holder_of(call, call->values[0], tag);
	refuse(call, "expected a handle");
	return NULL;
}

/* Like holder_argument, for functions that need it open. */
static struct holder *open_holder_argument(struct call *call, const napi_type_tag *tag)
{
	struct holder *holder = holder_argument(call, tag);
	if (holder == NULL || holder->open)
		return holder;
	throw_errno(call->env, "use-closed", EBADF);
	call->ok = false;
	return NULL;
}

static napi_value close_argument(napi_env env, napi_callback_info info, const napi_type_tag *tag)
{
	struct call call = begin(env, info);
	struct holder *holder = holder_argument(&call, tag);
	if (holder != NULL)
		close_holder(holder);
	return NULL;
}

/* ------------------------------------------------------------------------------------------------ watches */

static napi_value open_arrival_watch(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	napi_valuetype type = napi_undefined;
	if (call.count < 1 || napi_typeof(env, call.values[0], &type) != napi_ok || type != napi_function) {
		refuse(&call, "expected a function");
		return NULL;
	}
	struct holder *holder = calloc(1, sizeof(*holder));
	int result = holder == NULL ? -ENOMEM : arrival_watch_open(&holder->watch, env, call.values[0]);
	if (result < 0) {
		free(holder);
		return throw_errno(env, "watch", -result);
	}
	holder->close = close_watch;
	return external_of(env, holder, &watch_tag);
}

static napi_value resume_arrival_watch(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct holder *holder = open_holder_argument(&call, &watch_tag);
	if (holder != NULL)
		arrival_watch_resume(&holder->watch);
	return NULL;
}

static napi_value close_arrival_watch(napi_env env, napi_callback_info info)
{
	return close_argument(env, info, &watch_tag);
}

/* ------------------------------------------------------------------------------------------ reserved ports */

/* Throws like throw_errno; the error's `port` is the one that could not be had. */
static napi_value throw_port_errno(napi_env env, const struct failure *failure, uint16_t port)
{
	napi_value error;
	throw_errno(env, failure->step, failure->error);
	napi_get_and_clear_last_exception(env, &error);
	set_int32(env, error, "port", port);
	napi_throw(env, error);
	return NULL;
}

/* The epoll of the property `watch`; -1 where it is undefined. */
static int watch_property(struct call *call)
{
	napi_value value;
	napi_valuetype type = napi_undefined;
	if (!call->ok)
		return -1;
	napi_get_named_property(call->env, call->values[0], "watch", &value);
	napi_typeof(call->env, value, &type);
	if (type == napi_undefined)
		return -1;
	struct holder *holder = holder_of(call, value, &watch_tag);
	if (holder != NULL && !holder->open)
		refuse(call, "watch");
	return call->ok ? holder->watch.epoll_fd : -1;
}

static napi_value reserve_ports(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char address[ADDRESS_ROOM];
	if (!string_property(&call, "address", address, sizeof(address)))
		refuse(&call, "address");
	struct reserved_ports_options options = { .address = address, .tcp = bool_property(&call, "tcp") };
	options.first = (uint16_t)bounded_property(&call, "first", 1, UINT16_MAX);
	options.last = (uint16_t)bounded_property(&call, "last", options.first, UINT16_MAX);
	options.deliver = bool_property(&call, "deliver");
	options.backlog = bounded_property(&call, "backlog", 1, INT32_MAX);
	options.tag = bounded_property(&call, "tag", 0, INT32_MAX);
	int watch_fd = watch_property(&call);
	if (!call.ok)
		return NULL;
	struct holder *holder = calloc(1, sizeof(*holder));
	if (holder == NULL)
		return throw_errno(env, "memory", ENOMEM);
	struct failure failure = { 0 };
	uint16_t failed_port = 0;
	if (reserved_ports_open(&holder->reserved, &options, watch_fd, &failure, &failed_port) < 0) {
		free(holder);
		return throw_port_errno(env, &failure, failed_port);
	}
	holder->close = close_reserved;
	return external_of(env, holder, &reserved_tag);
}

static napi_value close_ports(napi_env env, napi_callback_info info)
{
	return close_argument(env, info, &reserved_tag);
}

/* A reservation that a thread of the pool gives back: ten thousand sockets take the kernel tens of milliseconds to close. */
struct release {
	struct reserved_ports reserved;
	napi_async_work work;
	napi_deferred deferred;
};

static void execute_release(napi_env env, void *data)
{
	(void)env;
	struct release *release = data;
	reserved_ports_close(&release->reserved);
}

static void complete_release(napi_env env, napi_status status, void *data)
{
	(void)status;
	struct release *release = data;
	napi_value undefined;
	/* Nothing is left to close but where the work was cancelled before it began, at the end of the thread. */
	reserved_ports_close(&release->reserved);
	napi_get_undefined(env, &undefined);
	napi_resolve_deferred(env, release->deferred, undefined);
	napi_delete_async_work(env, release->work);
	free(release);
}

static bool queue_release(napi_env env, struct release *release)
{
	napi_value name;
	if (napi_create_string_utf8(env, "tapwire-release", NAPI_AUTO_LENGTH, &name) != napi_ok ||
	    napi_create_async_work(env, NULL, name, execute_release, complete_release, release, &release->work) != napi_ok)
		return false;
	if (napi_queue_async_work(env, release->work) == napi_ok)
		return true;
	napi_delete_async_work(env, release->work);
	return false;
}

/* Resolves when the ports are anybody's. What the handle had is the work's from here on, whatever becomes of the handle. */
static napi_value release_ports(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct holder *holder = holder_argument(&call, &reserved_tag);
	struct release *release = holder == NULL ? NULL : calloc(1, sizeof(*release));
	napi_value promise;
	if (release == NULL)
		return holder == NULL ? NULL : throw_errno(env, "memory", ENOMEM);
	if (napi_create_promise(env, &release->deferred, &promise) != napi_ok) {
		free(release);
		return NULL;
	}
	if (holder->open) {
		reserved_ports_unwatch(&holder->reserved);
		release->reserved = holder->reserved;
		holder->open = false;
	}
	if (!queue_release(env, release)) {
		napi_value undefined;
		reserved_ports_close(&release->reserved);
		napi_get_undefined(env, &undefined);
		napi_resolve_deferred(env, release->deferred, undefined);
		free(release);
	}
	return promise;
}

static napi_value arrival_result(napi_env env, const struct arrival *arrival)
{
	napi_value result;
	napi_create_object(env, &result);
	set_int32(env, result, "tag", (int32_t)arrival->tag);
	set_int32(env, result, "index", (int32_t)arrival->index);
	return result;
}

static napi_value accept_arrival(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct arrival arrival;
	struct holder *holder = open_holder_argument(&call, &watch_tag);
	if (holder == NULL)
		return NULL;
	int fd = reserved_ports_accept(holder->watch.epoll_fd, &arrival);
	if (fd < 0)
		return fd == -EAGAIN ? NULL : throw_errno(env, "accept", -fd);
	napi_value result = arrival_result(env, &arrival);
	set_int32(env, result, "descriptor", fd);
	return result;
}

static napi_value receive_arrival(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct arrival arrival;
	struct endpoints endpoints;
	uint8_t *bytes = NULL;
	size_t room = 0;
	struct holder *holder = open_holder_argument(&call, &watch_tag);
	if (holder == NULL || !bytes_argument(&call, 1, &bytes, &room))
		return NULL;
	ssize_t size = reserved_ports_receive(holder->watch.epoll_fd, bytes, room, &arrival, &endpoints);
	if (size < 0)
		return size == -EAGAIN ? NULL : throw_errno(env, "receive", (int)-size);
	napi_value result = arrival_result(env, &arrival);
	set_int32(env, result, "size", (int32_t)size);
	set_string(env, result, "remoteAddress", endpoints.remote);
	set_int32(env, result, "remotePort", endpoints.remote_port);
	set_string(env, result, "localAddress", endpoints.local);
	return result;
}

/* send(reservation, index, bytes, remoteAddress, remotePort, localAddress) */
static napi_value send_from_port(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct endpoints endpoints;
	uint8_t *bytes = NULL;
	size_t size = 0;
	struct holder *holder = open_holder_argument(&call, &reserved_tag);
	if (holder == NULL)
		return NULL;
	int32_t index = int32_argument(&call, 1);
	bytes_argument(&call, 2, &bytes, &size);
	string_argument(&call, 3, endpoints.remote, sizeof(endpoints.remote));
	int32_t port = int32_argument(&call, 4);
	string_argument(&call, 5, endpoints.local, sizeof(endpoints.local));
	if (call.ok && (port < 1 || port > UINT16_MAX))
		refuse(&call, "expected a port");
	if (!call.ok)
		return NULL;
	endpoints.remote_port = (uint16_t)port;
	int result = reserved_ports_send(&holder->reserved, (uint32_t)index, bytes, size, &endpoints);
	return result < 0 ? throw_errno(env, "send", -result) : NULL;
}

/* --------------------------------------------------------------------------------------------- namespaces */

static napi_value make_namespace(napi_env env, napi_callback_info info)
{
	(void)info;
	napi_value result;
	int fd = namespace_make();
	if (fd < 0)
		return throw_errno(env, "make-namespace", errno);
	napi_create_int32(env, fd, &result);
	return result;
}

static napi_value open_socket(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char namespace_path[4096], address[ADDRESS_ROOM];
	bool in_namespace = string_property(&call, "namespace", namespace_path, sizeof(namespace_path));
	bool bound = string_property(&call, "address", address, sizeof(address));
	struct namespace_socket_options options = {
		.namespace_path = in_namespace ? namespace_path : NULL,
		.tcp = bool_property(&call, "tcp"),
		.ipv6 = bool_property(&call, "ipv6"),
		.address = bound ? address : NULL,
		.port = (uint16_t)bounded_property(&call, "port", 0, UINT16_MAX),
		.backlog = bounded_property(&call, "backlog", 0, INT32_MAX),
	};
	if (!call.ok)
		return NULL;
	struct failure failure = { 0 };
	napi_value result;
	int fd = namespace_socket_open(&options, &failure);
	if (fd < 0)
		return throw_errno(env, failure.step, failure.error);
	napi_create_int32(env, fd, &result);
	return result;
}

static napi_value reset_on_close(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	int32_t fd = int32_argument(&call, 0);
	if (!call.ok)
		return NULL;
	return socket_reset_on_close(fd) < 0 ? throw_errno(env, "set-linger", errno) : NULL;
}

void machine_binding_define(napi_env env, napi_value exports)
{
	const napi_property_descriptor functions[] = {
		{ "openPacketSocket", NULL, open_packet_socket, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "openUdpSocket", NULL, open_udp_socket, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "routeMtu", NULL, route_mtu, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "openArrivalWatch", NULL, open_arrival_watch, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "resumeArrivalWatch", NULL, resume_arrival_watch, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "closeArrivalWatch", NULL, close_arrival_watch, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "reservePorts", NULL, reserve_ports, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "closePorts", NULL, close_ports, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "releasePorts", NULL, release_ports, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "accept", NULL, accept_arrival, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "receive", NULL, receive_arrival, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "send", NULL, send_from_port, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "makeNamespace", NULL, make_namespace, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "openSocket", NULL, open_socket, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "resetOnClose", NULL, reset_on_close, NULL, NULL, NULL, napi_enumerable, NULL },
	};
	napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions);
}
