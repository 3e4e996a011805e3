#ifndef TAPWIRE_MACHINE_BINDING_H
#define TAPWIRE_MACHINE_BINDING_H

#include <node_api.h>

/* Adds to the addon's exports what it has of the machine beside TAPs: packet sockets, reserved ports, namespaces. */
void machine_binding_define(napi_env env, napi_value exports);

#endif
