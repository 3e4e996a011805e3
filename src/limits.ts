/**
 * Every maximum of Tapwire, in one file, however long it becomes. Nothing grows without a bound: what meets its bound is evicted,
 * refused or dropped, and the place that does so counts it. Sizes are bytes, times carry their unit.
 */

/**
 * Ports of one engine. A port is one TAP (or one other device) on one bridge domain. One daemon has no more endpoints, and no
 * more sandboxes, than that.
 */
export const PORTS_MAX = 4096

/** Bridge domains of one engine, and so networks of one daemon. Fits the 16 bits that a MAC table key has for it. */
export const DOMAINS_MAX = 4096

/**
 * Of these numbers the last ones are kept for what is no network's: the uplink, and the relay by which the host's own programs reach
 * published ports.
 */
export const DOMAINS_RESERVED = 2
export const UPLINK_DOMAIN = DOMAINS_MAX - 1
export const RELAY_DOMAIN = DOMAINS_MAX - 2
/** Of the link between the router and the relay; of link-local addresses (RFC 3927), which networks seldom have. No network may. */
export const RELAY_SUBNET = '169.254.77.0/30'
export const PORTS_RESERVED = 2
export const UPLINK_PORT = PORTS_MAX - 1
export const RELAY_PORT = PORTS_MAX - 2

/**
 * Datagrams that come as one at most (the kernel's UDP_MAX_SEGMENTS), words of the records of which transmissions are gathered (a burst
 * of super-frames in segments of 1,400 bytes has some 200,000), and source ports of a tunnel.
 */
export const TUNNEL_DATAGRAMS_MAX = 128
export const GATHER_WORDS_MAX = 4 * 65_535
export const TUNNEL_SOURCES_MAX = 64
export const TUNNEL_SOURCES_DEFAULT = 16
/** Bytes of a UDP datagram's payload over IPv4, and as many less over IPv6 as its header is longer. */
export const UDP_PAYLOAD_MAX = 65_507
export const UDP_PAYLOAD_MAX_IPV6 = 65_487
/**
 * Buffers of a tunnel's sockets: the first is filled while a burst is worked on, as that of a packet socket; the second holds what the
 * interface's queue has yet to send of one source's flows. Linux counts twice of each.
 */
export const TUNNEL_RECEIVE_BUFFER = 16 * 1024 * 1024
export const TUNNEL_SEND_BUFFER = 4 * 1024 * 1024
/** Ports that flows are told apart by (RFC 7348, 5), and of which each source has one. */
export const TUNNEL_FIRST_SOURCE_PORT = 49_152
export const TUNNEL_LAST_SOURCE_PORT = 65_535
/** Tunnels; peers that a network names, or learns of; addresses of stations behind peers; senders that are no peers and are told of, and how often. */
export const TUNNELS_MAX = 16
export const VXLAN_PEERS_MAX = 256
export const REMOTE_ADDRESSES_MAX = 65_536
export const STRANGERS_MAX = 32
export const STRANGER_AGAIN_S = 10

/** Frames that one poll returns at most. */
export const BURST_MAX = 256

/**
 * Transmissions that one poll takes at most: more than `PORTS_MAX`, so that one flooded frame always fits
 * an empty list, and no more than the 32,768 entries of an io_uring submission queue.
 */
export const TRANSMIT_MAX = 8192

/**
 * Frame slots that the kernel reads into. Few, on purpose: they are used in turn, and 128 slots of 64 KB super-frames are
 * 8 MB, which a last-level cache may hold; with four times as many, bulk TCP cost a fifth more CPU time a byte.
 */
export const SLOTS_MAX = 4096
export const SLOTS_DEFAULT = 128

/**
 * Bytes of the arena, in which software segmentation builds its frames. One super-frame of the smallest
 * segment that Linux sends (TCP_MIN_SND_MSS, 48 bytes) makes 1,366 segments of at most 200 bytes with headers.
 */
export const ARENA_SIZE = 4 * 1024 * 1024

/** Segments that one super-frame may become: 65,535 / 48, rounded up. */
export const SEGMENTS_MAX = 1366

/**
 * Frames that may wait on one direction of an impaired link, and bytes that those of all links may take, of which no link gets more than
 * are left for the others: six links on which a thousand super-frames wait. A delay of a second at 100,000 frames a second is as many.
 */
export const IMPAIRMENT_QUEUE_MAX = 100_000
/** Linux's netem has the same. */
export const IMPAIRMENT_QUEUE_DEFAULT = 1000
export const IMPAIRMENT_MEMORY_MAX = 512 * 1024 * 1024

/**
 * Full lists of transmissions of frames that have waited long enough, which go on in one turn of the data path: 13,000 frames, more than a
 * burst of the longest super-frames becomes. A link with 100,000 frames that is reset would else keep all others waiting for a fifth of a second.
 */
export const DEPARTURE_LISTS_MAX = 2

/** Microseconds that an impaired link may delay a frame: beyond what any protocol waits for. Twice as much fits an int32. */
export const IMPAIRMENT_DELAY_US_MAX = 600_000_000

/** Bits a second of an impaired link: more than any has. */
export const IMPAIRMENT_RATE_MAX = 1_000_000_000_000

/** Stations of one MAC table, over all its bridge domains. */
export const STATIONS_MAX = 1 << 20
export const STATIONS_DEFAULT = 16_384

/** Stations that one port may hold. */
export const STATIONS_PER_PORT_DEFAULT = 4096

/** Seconds after which a silent station is forgotten (IEEE 802.1Q, 8.8.3: recommended 300). */
export const STATION_AGEING_S = 300
export const STATION_AGEING_S_MAX = 1_000_000

/** Aged stations that one call of the MAC table's expiry forgets at most (some 50 us of work); the others wait for the next. */
export const STATIONS_EXPIRED_MAX = 256

/**
 * Routes of one engine: four for each network (its subnet, the gateway's address, and the two addresses to which nothing is routed), and
 * as many as one network more has for uplinks' routes. A prefix may need two chunks of 1.3 KB; real ones share them.
 */
export const ROUTES_MAX = 5 * DOMAINS_MAX

/**
 * IPv4 neighbours of one engine: each endpoint, and the hosts of the networks that uplinks lead to. Fits 16 bits. One domain
 * may hold a quarter: a whole /20, and four times what Linux keeps (gc_thresh3, 1024).
 */
export const NEIGHBOURS_MAX = 16_384
export const NEIGHBOURS_PER_DOMAIN = 4096

/** Seconds that a neighbour counts as reachable after it was heard (RFC 4861, 10: REACHABLE_TIME). */
export const NEIGHBOUR_REACHABLE_S = 30

/** Seconds between two requests to a neighbour, and requests before it is given up (RFC 4861, 10: RETRANS_TIMER, MAX_*_SOLICIT). */
export const NEIGHBOUR_RETRY_S = 1
export const NEIGHBOUR_TRIES_MAX = 3

/**
 * New neighbours that are asked for because of one port's packets in a second, and how many more of a quiet one's at once: a /23 is
 * scanned without a loss. What is unknown lives for eight seconds, so two that scan do not fill a domain.
 */
export const NEIGHBOUR_QUESTIONS_PER_S = 256
export const NEIGHBOUR_QUESTIONS_BURST = 256

/** Seconds in which packets to a neighbour that did not answer are refused at once, so that a sender cannot keep it asking. */
export const NEIGHBOUR_FAILED_S = 5

/** Seconds after which a neighbour is forgotten to which nothing was sent: ten minutes, twice the life of a station. */
export const NEIGHBOUR_STALE_S = 600

/** Published ports of one engine; a range counts as one. Four for each endpoint there can be. */
export const PORT_MAPPINGS_MAX = 16_384

/**
 * Bindings of one sandbox's ports, where each port of a range counts: all ports of TCP and UDP on two addresses. They are kept
 * as ranges, but inspect writes each out.
 */
export const PORT_BINDINGS_MAX = 4 * 65_536

/**
 * Datagrams in fragments that a router follows at the same time, and how many of them one sender may have: Linux keeps
 * 4 MB of fragments (ipfrag_high_thresh), which is as many datagrams of two fragments of 500 bytes.
 */
export const FRAGMENTED_DATAGRAMS_MAX = 4096
export const FRAGMENTED_DATAGRAMS_PER_OWNER = 1024

/** Seconds that it follows one (Linux' ipfrag_time; RFC 791, 3.2 recommends a timer of 15 to start with, RFC 1122, 3.3.2 60 to 120). */
export const FRAGMENT_LIFETIME_S = 30

/** Datagrams that one call forgets at most; the others wait for the next. */
export const FRAGMENTED_DATAGRAMS_EXPIRED_MAX = 256

/**
 * Frames that wait for a neighbour's address or a datagram's first fragment: super-frames of 64 KB each, so 4 MB. For one
 * neighbour RFC 1122, 2.3.2.2 asks for one at least; a few keep the first packets of a burst together.
 */
export const WAITING_FRAMES_MAX = 64
export const WAITING_FRAMES_PER_LIST = 4
export const WAITING_FRAMES_PER_OWNER = 16

/** Bytes of one pen in which frames wait: four times what the frames above need. */
export const FRAME_PEN_SIZE_MAX = 16 * 1024 * 1024

/**
 * Connections (flows) of one connection table. At the most that it can have they take 130 MB, and number and direction of one
 * fit 21 bits of an index word. The default has room for eight ports at their quota, in some 30 MB: as many
 * as the kernel's nf_conntrack_max on a machine with more than 4 GB.
 */
export const CONNECTIONS_MAX = 1 << 20
export const CONNECTIONS_DEFAULT = 262_144

/** Connections that one port may have opened at a time: more than the ephemeral ports towards one server (28,232 in Linux). */
export const CONNECTIONS_PER_OWNER_DEFAULT = 32_768

/**
 * Timers of connections that one call of the connection table's expiry handles at most: some 0.05 ms of work where a
 * million flows have fallen out of the caches, and no millisecond where V8 has yet to compile it. The others wait for the next call.
 */
export const CONNECTIONS_EXPIRED_MAX = 64

/**
 * Captures of one daemon at a time, and each one's ring of copies: a fifth of a second of full-size frames at 1,000,000 frames a second would be
 * 300 MB, but a reader that keeps up needs only what comes while it is not scheduled; 32 MiB are 20,000 such frames, or 500 super-frames.
 */
export const CAPTURES_MAX = 8
export const CAPTURE_RING_SIZE = 32 * 1024 * 1024

/**
 * Of the daemon's thread, what captures take where no processor is idle. On a machine of two a twentieth of it all; the client, which
 * writes what it gets, and the copies in the data path come on top of that.
 */
export const CAPTURE_BUSY_SHARE = 0.1

/** Places that one capture is asked for by name; `any` and networks say many in one word. */
export const CAPTURE_PLACES_TOLD_MAX = 256

/**
 * Clients that follow frames with what is decided on them, and how many frames a second each is told of: explaining one takes some 20 us of
 * the data path's time, and the JSON of one some 4 KB. Of the frames that pass, so many a second are looked at for one client.
 */
export const FOLLOWERS_MAX = 4
export const FOLLOWED_FRAMES_PER_S = 100
export const FOLLOWED_FRAMES_PER_S_MAX = 1000
export const FOLLOWED_LOOKS_PER_S = 2000
/** Of those, how many wait to be read. */
export const FOLLOWED_FRAMES_KEPT = 2 * FOLLOWED_FRAMES_PER_S_MAX

/** Bytes of a packet that a capture may keep: what libpcap keeps where nobody asks for fewer (MAXIMUM_SNAPLEN). */
export const CAPTURE_SNAP_LENGTH_MAX = 262_144

/** Port events (a device vanished) that one poll reports at most; the others wait for the next poll. */
export const PORT_EVENTS_MAX = 64

/** The MTU of a network: RFC 791's smallest datagram that every host takes, and the largest IPv4 packet. */
export const MTU_MIN = 576
export const MTU_MAX = 65_521
export const MTU_DEFAULT = 1500
/**
 * The same of the way to a peer, of which anybody may say that it is narrow who can forge an ICMP error: Linux believes no less than 552 bytes
 * (net.ipv4.route.min_pmtu), of which a tunnel takes 70 at most. Frames beyond it are fragmented, or refused with an ICMP error.
 */
export const PEER_MTU_MIN = 256

/**
 * Buffers of a packet socket. The kernel fills the first while a burst is worked on: some 10 ms of small frames at a million a
 * second, or 200 super-frames; the second holds what the interface's queue has yet to send. Linux counts twice of each.
 */
export const PACKET_RECEIVE_BUFFER = 16 * 1024 * 1024
export const PACKET_SEND_BUFFER = 8 * 1024 * 1024

/** Connections to one published port that wait to be taken over by the relay: the kernel turns away what is more. */
export const RESERVED_BACKLOG = 128

/** TCP connections of local programs that the relay carries at once, of two descriptors each; the next ones wait in their backlogs. */
export const RELAY_CONNECTIONS_MAX = 4096

/** Connections, or datagrams, that the relay takes over before the daemon does something else. */
export const RELAY_ARRIVALS_PER_TURN = 64

/** Milliseconds for a connection to a target, and seconds until the kernel first asks a silent one whether it is still there. */
export const RELAY_CONNECT_TIMEOUT_MS = 10_000
export const RELAY_KEEPALIVE_S = 15

/** Local programs that the relay knows UDP answers' way to, in all and at one port; the one that is silent for longest is forgotten. */
export const RELAY_UDP_CLIENTS_MAX = 4096
export const RELAY_UDP_CLIENTS_PER_PORT_MAX = 1024

/** Datagrams of one of them that wait to be sent; more are dropped, as UDP may. */
export const RELAY_UDP_QUEUE_MAX = 64

/** Milliseconds after which a silent one is forgotten: Docker's userland proxy has the same. */
export const RELAY_UDP_IDLE_MS = 90_000

/** Milliseconds until connections are taken again, after there was no descriptor left for one. */
export const RELAY_RETRY_MS = 100

/** The longest UDP datagram, of IPv6. */
export const UDP_DATAGRAM_MAX = 65_527

/** A network interface's name, without the closing NUL (IFNAMSIZ - 1). */
export const INTERFACE_NAME_MAX = 15

/** VLAN tags that the parser steps over: one of IEEE 802.1Q, or two stacked by IEEE 802.1ad. */
export const VLAN_TAGS_MAX = 2

/** IPv6 extension headers that the parser steps over. Real packets have one or two. */
export const IPV6_EXTENSION_HEADERS_MAX = 8

/** A lab's name: it stands in front of each sandbox's name in the name of a namespace, and in the path of a socket. */
export const LAB_NAME_MAX = 32

/** The name of a network or a sandbox: one DNS label (RFC 1035, 2.3.4). */
export const NAME_MAX = 63

/** Bytes of a lab file, and values in it once its aliases are followed: ten times what the largest lab needs. */
export const LAB_FILE_SIZE_MAX = 1024 * 1024
export const LAB_VALUES_MAX = 200_000

/** Collections inside collections in a lab file. The format itself has five. */
export const LAB_DEPTH_MAX = 32

/** Problems that are told of one lab file; the others are counted. */
export const LAB_PROBLEMS_MAX = 100

/** A network's subnet: a /30 has one address left beside network, broadcast and gateway. */
export const SUBNET_PREFIX_MIN = 8
export const SUBNET_PREFIX_MAX = 30

/** The path of a Unix socket, without the closing NUL (sun_path of unix(7)). */
export const SOCKET_PATH_MAX = 107

/** Bytes that the command line takes of one answer of the API: a full station table as JSON fits. */
export const API_ANSWER_MAX = 256 * 1024 * 1024

/** Milliseconds that the command line waits for an answer of the API, and for a daemon to end. */
export const API_TIMEOUT_MS = 10_000
export const DAEMON_END_TIMEOUT_MS = 60_000

/** Milliseconds for a daemon to come up with all that it finds in its root. */
export const DAEMON_START_TIMEOUT_MS = 60_000

/** Milliseconds that the completion of a shell waits for names. */
export const COMPLETION_TIMEOUT_MS = 500

/** A frame of the shim's protocol, without its header of eight bytes (native/shim/README.md). */
export const SHIM_FRAME_MAX = 65_536

/** Bytes of a shim's answer to its start: some warnings, and one line. */
export const SHIM_ANSWER_MAX = 65_536

/** Milliseconds that a shim may take to start, and to end orderly, among a thousand that do so at once; then it is killed. */
export const SHIM_TIMEOUT_MS = 60_000

/**
 * Milliseconds that a shim may take to say who it is. One that does not is given up, with all that it holds: a single one
 * that hangs must not keep a daemon from starting.
 */
export const SHIM_GREETING_MS = 5000

/** Bytes of a request's first line and headers: a capture's longest filter has room, with three for each of its characters. */
export const REQUEST_HEADERS_MAX = 64 * 1024

/** Bytes of a request's body. The largest real ones are labs. */
export const REQUEST_BODY_MAX = 4 * 1024 * 1024

/**
 * Connections to the API, and of these the ones that go on until something happens: logs that are followed, events, waiting, attach and
 * exec. Fewer than connections, so that ordinary requests always find one.
 */
export const API_CONNECTIONS_MAX = 4096
export const API_STREAMS_MAX = 2048

/** Milliseconds that a client may take to send a request's headers, and all of a request. */
export const API_HEADERS_TIMEOUT_MS = 10_000
export const API_REQUEST_TIMEOUT_MS = 60_000

/** Milliseconds without a byte after which a client is cut off that does not close a stream that is over. */
export const STREAM_LINGER_MS = 10_000

/** Milliseconds between the comments that keep a quiet stream of events alive. */
export const EVENTS_HEARTBEAT_MS = 15_000

/** Bytes of the daemon's configuration file, and of its log, of which one older piece is kept. */
export const CONFIGURATION_SIZE_MAX = 1024 * 1024
export const DAEMON_LOG_SIZE_MAX = 10 * 1024 * 1024

/** Events that the daemon remembers, for clients that ask for what has been. */
export const EVENTS_KEPT_MAX = 4096

/** Characters of the attributes of the events that the daemon remembers: 2 KB for each, where all are alike. */
export const EVENTS_SIZE_MAX = 8 * 1024 * 1024

/**
 * Labels, or options, of one network, sandbox or endpoint: how many, and their bytes. A sandbox's variables and its command's words
 * have what execve(2) takes of one text (MAX_ARG_STRLEN), all together.
 */
export const LABELS_MAX = 1024
export const LABELS_SIZE_MAX = 64 * 1024
export const ENVIRONMENT_MAX = 4096
export const ENVIRONMENT_SIZE_MAX = 128 * 1024

/** Seconds that a released address rests before it is given out again. */
export const ADDRESS_REST_S = 30
export const ADDRESS_REST_S_MAX = 86_400

/** Bytes of one line of a sandbox's log: a full frame of the shim in which JSON escapes every byte by six. */
export const LOG_LINE_MAX = 8 * SHIM_FRAME_MAX

/** A host's name, and its domain, as uname(2) keeps them (__NEW_UTS_LEN). */
export const HOSTNAME_MAX = 64

/** Gratuitous ARPs of a joining endpoint, and milliseconds between them. */
export const ADVERTISE_COUNT_MAX = 3
export const ADVERTISE_INTERVAL_MS_MIN = 100
export const ADVERTISE_INTERVAL_MS_MAX = 2000

/** Sandboxes, networks or endpoints of a lab that are made or removed at the same time. */
export const LAB_PARALLEL = 8
/** Seconds between the stop signal and SIGKILL: what a timer's 31 bits of milliseconds hold. */
export const STOP_TIMEOUT_S_MAX = 2_147_483

/** The same at the end of the daemon, for sandboxes that would have more: less than DAEMON_END_TIMEOUT_MS. */
export const SHUTDOWN_STOP_TIMEOUT_S_MAX = 45

/** Milliseconds after which a removal that failed is tried again. */
export const RETRY_MS = 10_000

/** Milliseconds that a lab waits for the daemon of one of its hosts to answer. */
export const HOST_READY_TIMEOUT_MS = 30_000

/** Milliseconds between two looks whether the daemon of a host that does something still answers, and for its answer. */
export const HOST_PROBE_INTERVAL_MS = 5000
export const HOST_PROBE_TIMEOUT_MS = 10_000

/**
 * Ports that a translated source may have where the address is ours alone: those that are free to use (RFC 6335, 6: registered and
 * dynamic ones). Whoever had such a port keeps it where it is free.
 */
export const NAT_FIRST_PORT = 1024
export const NAT_LAST_PORT = 65_535

/**
 * The same where the machine's kernel has the address too: a block beyond its own ephemeral ports (32,768 to 60,999), each of which is
 * reserved with a socket. One port serves any number of destinations, so the block bounds the connections to one server, not all.
 */
export const SHARED_NAT_FIRST_PORT = 61_000
export const SHARED_NAT_LAST_PORT = 65_095

/** Fewer than that and a sandbox that looks at one busy server can have them all: the uplink is refused. */
export const SHARED_NAT_PORTS_MIN = 256

/** Milliseconds between two looks at the interfaces of the machine that Tapwire uses: a look is a few system calls. */
export const INTERFACE_LOOK_MS = 1000
/** Connections of the router that one listing shows, unless more are wished for: as many as people may read, or a program take. */
export const FLOWS_LISTED_DEFAULT = 1000
export const FLOWS_LISTED_MAX = 65_536
/** Links of sandboxes on networks without icc, each to one port: walked for each of their frames. */
export const LINK_PERMITS_MAX = 1024

/** Ports that are tried for a translated source before the packet is dropped: towards one destination, all of these are then in use. */
export const NAT_PORT_TRIES = 128

/**
 * One sandbox may have three quarters of the ports towards one server; the others are kept for its neighbours. Beyond that it takes
 * those of its own connections that have ended, for which fewer are tried: the most of those that it meets are its own.
 */
export const NAT_PORTS_KEPT_SHIFT = 2
export const NAT_PORT_TRIES_BEYOND_SHARE = 16

/**
 * ICMP errors (and TCP resets) that the router sends to one port of the switch in a second (RFC 1812, 4.3.2.8), and how many more to
 * a quiet one at once: a traceroute's or a port scanner's burst is answered, a flood is not.
 */
export const ICMP_ERRORS_PER_S = 100
export const ICMP_ERRORS_BURST = 50

/**
 * Endpoints that have names, and names that they may have in all: sandbox, short id, hostname and a few aliases of each. Names of
 * other hosts' endpoints are to have room as well.
 */
export const NAMED_HOSTS_MAX = 16_384
export const NAMES_MAX = 131_072
/** Names of one endpoint, and other words for its neighbours (links). */
export const NAMES_PER_HOST_MAX = 256
/** Bytes of all names, in wire form and lower case. */
export const NAME_BYTES_MAX = 4 * 1024 * 1024
/** Ranges of ports that SRV records tell of, of all endpoints and of one: looked through for each question of that kind. */
export const NAMED_SERVICES_MAX = 65_536
export const NAMED_SERVICES_PER_HOST_MAX = 1024

/** Seconds that a resolver may keep an answer of ours. Docker's 600 let clients talk to dead addresses. */
export const DNS_TTL_S_DEFAULT = 5
export const DNS_TTL_S_MAX = 86_400

/** RFC 1035, 4.2.1: what every client takes by UDP; and what we offer, which no link has to fragment (DNS Flag Day 2020). */
export const DNS_UDP_SIZE_MIN = 512
export const DNS_UDP_SIZE_MAX = 1232
/** RFC 1035, 4.2.2: the length field of a message by TCP. */
export const DNS_MESSAGE_MAX = 65_535
/** Bytes of a question that is forwarded: a name, a record of EDNS with its options. */
export const DNS_QUERY_MAX = 1232

/** Questions that wait for an answer from outside, in all and of one sandbox, which has no more than there are places left; more are refused at once. */
export const DNS_FORWARDS_MAX = 1024
export const DNS_FORWARDS_PER_RESOLVER_MAX = 128
/** Servers that are asked in turn (resolv.conf(5), MAXNS), milliseconds for each, and for all of them. */
export const DNS_SERVERS_MAX = 3
export const DNS_SERVER_TIMEOUT_MS = 4000
export const DNS_FORWARD_TIMEOUT_MS = 12_500
/** Seconds after which the data path gives a question up that nobody has answered: more than all servers may take. */
export const DNS_PENDING_S = 15

/**
 * Answers from outside that are remembered, their bytes (with what each costs beside its message), how many of them one sandbox has
 * asked for, and the longest time for one (RFC 8767, 4; RFC 2308, 5). That nobody has answered is remembered for as long as RFC 9520,
 * 3.2 demands, so that a program that tries at once again does not reach the servers with it.
 */
export const DNS_CACHE_ENTRIES_MAX = 8192
export const DNS_CACHE_SIZE_MAX = 8 * 1024 * 1024
export const DNS_CACHE_PER_RESOLVER_MAX = 2048
export const DNS_CACHE_TTL_S_MAX = 86_400
export const DNS_CACHE_NEGATIVE_TTL_S_MAX = 3600
export const DNS_CACHE_FAILURE_TTL_S = 1

/** Milliseconds for which a server that was silent is asked after the others: it costs its timeout once in this time. */
export const DNS_SERVER_SILENT_MS = 30_000
/** Milliseconds for which is remembered that a server knows no EDNS, or does not keep the spelling of a question. */
export const DNS_SERVER_HABIT_MS = 600_000

/** Messages by UDP that are no answer to what was asked, after which the server is asked by TCP: somebody guesses, or floods. */
export const DNS_REJECTED_MAX = 32

/** Connections to the resolver by TCP, in all and of one sandbox, and milliseconds that a silent one may last (RFC 7766, 6.2.3). */
export const DNS_CONNECTIONS_MAX = 512
export const DNS_CONNECTIONS_PER_RESOLVER_MAX = 16
export const DNS_CONNECTION_IDLE_MS = 10_000

/** Questions that the log remembers, and entries of it that one request is given. */
export const DNS_LOG_ENTRIES = 4096
export const DNS_LOG_LISTED_MAX = 4096

/** Pointers in one compressed name: as many as a name of 255 bytes can have labels. More are a chain made to be walked. */
export const DNS_NAME_POINTERS_MAX = 127

/** Where a sandbox is answered on its own loopback, and where names are asked for (RFC 1035, 4.2). */
export const DNS_LOOPBACK_ADDRESS = '127.0.0.11'
export const DNS_PORT = 53
/** Questions of one connection that are answered at a time: each answer may have 64 KB. */
export const DNS_CONNECTION_QUESTIONS_MAX = 16
/** Questions by UDP at one sandbox's loopback that may wait, and answers that may wait to be sent. */
export const DNS_DATAGRAMS_MAX = 256

/**
 * Seconds of a simulated gap between two frames that really pass: the longest that the data path remembers anything is 7,440 s (an established TCP
 * connection, RFC 5382, 5), and behind that all seconds are alike.
 */
export const SIMULATED_GAP_MAX_S = 8000

/** Timers that go off while a simulated lab comes up: each endpoint announces its addresses some times. */
export const SIMULATED_TIMERS_MAX = 16 * PORTS_MAX
/** Digits of a link's percentages behind the point: one frame of a million can be meant. */
export const LINK_PERCENT_DIGITS = 4
/** Bits a second of an impaired link: a frame of 1500 bytes takes 12 s, and slower ones are as good as down. */
export const LINK_RATE_MIN = 1000
/** Bytes of one block of a pcapng file (Wireshark reads no larger one either), and so of what the reader keeps. */
export const CAPTURE_BLOCK_MAX = 16 * 1024 * 1024
/** Bytes of one packet of a classic pcap file whose header promises no larger ones: libpcap's MAXIMUM_SNAPLEN. */
export const CAPTURED_PACKET_MAX = 262_144
/** Interfaces of one capture file, over all its sections, and bytes of the blocks that describe them: four for each port there can be. */
export const CAPTURE_INTERFACES_MAX = 16_384
export const CAPTURE_INTERFACES_SIZE_MAX = 16 * 1024 * 1024
/** Addresses in one block of a pcapng file, and all their names; and what is kept of a whole file. */
export const CAPTURE_NAMES_MAX = 131_072
/** Letters of a name that addresses are shown by: DNS has none with more (RFC 1035, 2.3.4). */
export const CAPTURE_NAME_LETTERS_MAX = 255
/** Comments, and addresses, in one block of a pcapng file that are read: one of 16 MB has room for millions. */
export const CAPTURE_COMMENTS_MAX = 1024
/** Bytes of a packet that are printed as such. */
export const HEX_DUMP_MAX = 262_144
/**
 * Bytes of one file of a ring of captures: one of the longest packets with what the file begins with has room in the smallest. And how many
 * files: all of them are named on one command line where somebody merges them.
 */
export const CAPTURE_RING_FILE_SIZE_MIN = 200_000
export const CAPTURE_RING_FILE_SIZE_MAX = 1e12
export const CAPTURE_RING_FILES_MAX = 10_000
/** Interfaces that Wireshark is told of. It runs a program for each when it starts; all places can be chosen in the dialog of the first one. */
export const EXTCAP_INTERFACES_MAX = 100

/** Seconds that pass behind a replay's last frame: longer than a fragment waits for the first one (FRAGMENT_LIFETIME_S), or a packet for an answer to ARP. */
export const REPLAY_TAIL_S = 40

/** Sources of frames that a replay has no place for, that are told of one by one. */
export const UNPLACED_SOURCES_MAX = 64
/**
 * Layers, and fields, that the dissection of one packet has at most: tunnels in tunnels and a DNS message of 64 KB with thousands of
 * records would make more of a packet than anybody reads. The bytes of a field that its value and its text spell out, and the letters of
 * a name. And the letters of all values together, in all and for each of the packet's bytes beside some for all: two bytes of DNS point to
 * a name of a thousand letters, as often as there is room, and a file of such packets would be a hundred times as long as text.
 */
export const DISSECTED_LAYERS_MAX = 32
export const DISSECTED_FIELDS_MAX = 4096
export const DISSECTED_BYTES_MAX = 256
export const DISSECTED_TEXT_MAX = 65_536
export const DISSECTED_TEXT_MIN = 4096
export const DISSECTED_TEXT_PER_BYTE = 16
/** Characters of a filter, parentheses inside one another, and instructions of its program: as many as the kernel takes (BPF_MAXINSNS). */
export const FILTER_TEXT_MAX = 16_384
export const FILTER_DEPTH_MAX = 100
export const FILTER_INSTRUCTIONS_MAX = 4096

/** Frames that one request of the API may have sent into a network: as many small ones as one burst has, some times over. */
export const FRAMES_PER_REQUEST_MAX = 4096

/** Bytes of frames, as base64, of one request of a live replay: well below REQUEST_BODY_MAX, with the names around each. */
export const LIVE_REPLAY_REQUEST_SIZE_MAX = 1024 * 1024
/** Bytes of a frame that a story shows, as text and on a page: all headers, and where the payload begins. JSON carries all of them. */
export const STORY_SHOWN_BYTES_MAX = 256
/** Frames that one page of stories has: what a browser still scrolls and searches without a pause. */
export const STORY_PAGE_FRAMES_MAX = 500
/** Fields of one frame that such a page has: a DNS message may have thousands. */
export const STORY_PAGE_FIELDS_MAX = 300
/** Departures of one frame that are shown each by itself: a flood to a large network has the same bytes for all. */
export const STORY_DEPARTURES_SHOWN_MAX = 8
/** Frames that wait and whose bytes a teller of stories keeps, to compare with what leaves in the end. */
export const STORY_WAITING_MAX = 256
/** Packets of one instant, or frames that wait, among which a capture's stories look for what belongs together: a flood to the largest network that is captured whole. */
export const STORY_TOGETHER_MAX = 1024

/**
 * What one transaction of the registry has at most: conditions, and operations, as etcd takes by default (--max-txn-ops); bytes of keys and
 * values, which as base64 with what is around each stay below etcd's 1.5 MiB (--max-request-bytes), that counts them plain. And bytes of a key.
 */
export const REGISTRY_TRANSACTION_OPERATIONS_MAX = 128
export const REGISTRY_TRANSACTION_SIZE_MAX = 1024 * 1024
export const REGISTRY_KEY_SIZE_MAX = 4096
/** Servers in the address of a cluster: etcd advises against more than seven members. */
export const REGISTRY_ADDRESSES_MAX = 16
/** Connections to one server of the registry, beside those of watches: a daemon asks for one thing after the other, and keeps its leases. */
export const REGISTRY_CONNECTIONS_MAX = 8
/** Entries that are asked for at once, and entries of a list in all: addresses and endpoints of a cluster of a thousand hosts. */
export const REGISTRY_PAGE_ENTRIES = 1000
export const REGISTRY_ENTRIES_MAX = 1_000_000
/** Bytes of one answer: the entries of a page have some hundred each. One alone, of the largest there can be, has room. */
export const REGISTRY_ANSWER_SIZE_MAX = 32 * 1024 * 1024
/** Bytes of a line of a watch, which etcd asked for fragments makes some 1.5 MiB long, as base64 a third more; and events that it tells of at once. */
export const REGISTRY_LINE_SIZE_MAX = 16 * 1024 * 1024
export const REGISTRY_EVENTS_MAX = 262_144
/** UDP ports that tunnels are received at: as Docker has them, below those that tunnels are sent from (RFC 7348, 5). */
export const DATA_PATH_PORT_MIN = 1024
export const DATA_PATH_PORT_MAX = 49_151
/** Seconds that the lease lives which doctor tries a registry with, should it be cut off before it gives it back. */
export const DOCTOR_LEASE_S = 5

/** Characters of one value in a cluster's registry: an endpoint with the most labels and names that it may have. */
export const CLUSTER_VALUE_MAX = 256 * 1024

/** VXLAN network identifiers that a cluster chooses begin where Docker's do, behind all VLANs. */
export const CLUSTER_VNI_FIRST = 4096

/**
 * Seconds for which what a host puts in the registry outlives it, and between two signs of life: two may be lost. What ends the wait
 * for an answer is the registry's own.
 */
export const CLUSTER_LEASE_S = 10
export const CLUSTER_KEEP_ALIVE_S = 3

/** Milliseconds after which a host that could not join its cluster, or lost its registry, tries again: at first, and at most. */
export const CLUSTER_RETRY_MS = 500
export const CLUSTER_RETRY_MS_MAX = 10_000

/** Milliseconds that a change waits for its own echo, after which it goes on without. */
export const CLUSTER_ECHO_MS = 1000

/** Addresses that are tried for one endpoint while others take them at the same time. */
export const CLUSTER_CLAIM_TRIES_MAX = 16

/** Own entries of a cluster that are put or taken back at the same time. */
export const CLUSTER_PARALLEL = 8

/** Milliseconds that a host of a lab waits for a network of its cluster which another host has made: to have joined takes it a moment. */
export const CLUSTER_NETWORK_TIMEOUT_MS = 10_000

/**
 * Services of one engine, and backends of one: each new connection computes a score for every backend, some 5 ns each. Connections that one
 * turn looks at for backends that have gone (0.1 ms), and resets that may wait to be sent.
 */
export const SERVICES_MAX = 4096
export const SERVICE_BACKENDS_MAX = 1024
export const SERVICE_SWEEP_MAX = 4096
export const SERVICE_RESETS_MAX = 65_536
/** Seconds that one waits for an answer to ARP. */
export const SERVICE_RESET_WAIT_S = 4
/** Letters of a service's name, which is a label of a domain name (RFC 1035, 2.3.4). */
export const SERVICE_NAME_MAX = 63
/** Published ports of one service, each with a socket on every host. */
export const SERVICE_PORTS_MAX = 1024
/** Ports that are given to those who ask for none, as Docker's swarm has them. */
export const SERVICE_FIRST_PORT = 30_000
export const SERVICE_LAST_PORT = 32_767
/** Milliseconds after which what could not be done for a service is tried again. */
export const SERVICE_RETRY_MS = 5000
