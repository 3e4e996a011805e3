/** What to do where a frame was dropped that somebody wanted to arrive. By the names of DROP_REASONS; where there is nothing, the reason says it all. */

const ADVICE: Readonly<Record<string, string>> = {
  'frame-too-long': 'Set the MTU of the sender’s interface to that of the network.',
  'mac-spoofed': 'Let the sandbox send from the MAC address that it was given: `tapwire inspect` shows it.',
  'address-spoofed': 'Let the sandbox send from the address that it was given: `tapwire inspect` shows it.',
  'no-other-port': 'Connect another sandbox to the network.',
  'icc-disabled':
    'Put the two on another network, or make this one without the option com.docker.network.bridge.enable_icc=false.',
  'network-isolated':
    'Connect one of the two to the other’s network (`tapwire network connect`), or publish the port.',
  'network-internal': 'Connect the sandbox to a network that is not internal, too.',
  'direct-routing': 'Publish the port, and send to the published one.',
  'no-route': 'Give the machine’s networks a way out: `tapwire uplink set`.',
  'uplink-down': 'See what has become of the interface: `tapwire uplink`.',
  'port-closed': 'Publish the port (`tapwire port add`), or send to one that is: `tapwire port` lists them.',
  'ttl-exceeded': 'Each router takes one from the TTL. Let the sender begin with more: 64 is usual.',
  'fragmentation-needed': 'The sender learns the MTU from the router’s answer, and sends less at a time.',
  'host-unreachable': 'See whether the next address is that of a machine that is up: `tapwire neigh ls`.',
  'neighbour-queue-full': 'See whether the next address is that of a machine that is up: `tapwire neigh ls`.',
  'no-connection':
    'The router has forgotten the connection, or never saw it begin. Let the client connect again.',
  'nat-ports-exhausted': 'Let connections end first: `tapwire nat ls` lists them.',
  'connection-quota': 'Let connections end first: `tapwire nat ls` lists them.',
  'ip-checksum': 'Whoever made the packet made it wrong, or it was damaged on the way.',
  'udp-checksum': 'Whoever made the packet made it wrong, or it was damaged on the way.',
  'link-down': 'It was asked to be so: `tapwire link set … --up`, or `tapwire link reset`.',
  'link-loss': 'It was asked for: `tapwire link show` tells, and `tapwire link reset` ends it.',
  'link-queue-full': 'Send less, or give the link a higher rate or a longer queue: `tapwire link set`.',
  'device-queue-full': 'The receiver reads more slowly than frames come. TCP slows down by itself.',
}

export const adviceOn = (reason: string): string | undefined => ADVICE[reason]
