"""Puts VXLAN on a cable as nobody should send it, between some that is right:

    /usr/bin/python3 tunnel-garbage.py '{"interface", "target", "from", "to", "local", "gateway", "own", "other"}'

target is the tunnel endpoint's hardware address, `from` and `to` are addresses of the two endpoints, `local` and `own` those of a station behind
it, `other` that of one here, `gateway` the hardware address of its router. Prints which frames have to arrive, and how many others are dropped for which reason, as JSON.
"""

import json
import socket
import sys

from scapy.all import Ether, IP, Raw, UDP, conf, fragment, raw
from scapy.layers.vxlan import VXLAN

A = json.loads(sys.argv[1])
VNI, PORT = 42, 4789
UDP_SEGMENT = 103
STRANGE = '02:00:00:00:99:01'

good, reasons, packets = [], {}, []


def tagged(source=STRANGE):
    """A frame to the station, with a text of its own; always 60 bytes."""
    tag = f'<good {len(good)}>'
    good.append(tag)
    return raw(Ether(dst=A['local'], src=source, type=0x88b5) / Raw(tag.encode().ljust(46, b'\0')))


def frame(source=STRANGE, target=None):
    return raw(Ether(dst=target or A['local'], src=source, type=0x88b5) / Raw(b'<bad 0>'.ljust(46, b'\0')))


def vxlan(inner, vni=VNI, flags=8):
    return bytes([flags, 0, 0, 0]) + (vni << 8).to_bytes(4, 'big') + inner


def put(payload, source=None, tos=0, sport=50000):
    outer = IP(src=source or A['from'], dst=A['to'], tos=tos)
    packets.append(Ether(dst=A['target']) / outer / UDP(sport=sport, dport=PORT) / Raw(payload))


def bad(reason, *args, **more):
    reasons[reason] = reasons.get(reason, 0) + 1
    put(*args, **more)


def right():
    put(vxlan(tagged()))


right()
for last in (77, 78, 79):
    bad('peer-unknown', vxlan(frame()), source=f'192.0.2.{last}')
for vni in (0, 1, 44, 7777, 0xfedcba, 0xffffff):
    bad('vni-unknown', vxlan(frame(), vni))
right()
for flags in (0, 1, 4, 0x40, 0xf7):
    bad('vxlan-malformed', vxlan(frame(), flags=flags))
for length in range(8):
    bad('vxlan-malformed', vxlan(b'')[:length])
for length in (0, 1, 6, 12, 13):
    bad('runt-frame', vxlan(frame()[:length]))
for length in (14, 17):
    bad('runt-frame', vxlan(raw(Ether(dst=A['local'], src=STRANGE, type=0x8100) / Raw(b'\0\1\2'))[:length]))
right()
for _ in range(4):
    bad('tunnel-local-source', vxlan(frame(A['local'], A['local'])))
bad('tunnel-local-source', vxlan(frame(A['local'], 'ff:ff:ff:ff:ff:ff')))
for source in ('ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01'):
    bad('source-multicast', vxlan(frame(source)))
# Congestion on the way, which the sender of the packet inside would not understand (RFC 6040, 4.2).
deaf = Ether(dst=A['local'], src=STRANGE) / IP(src=A['other'], dst=A['own'], tos=0) / UDP(sport=1, dport=9) / Raw(b'deaf')
bad('ecn-marked', vxlan(raw(deaf)), tos=3)
right()

# Not to be looked at when received (RFC 7348, 5): other flags, and what is reserved.
put(bytes([0xff, 1, 2, 3]) + (VNI << 8 | 0xee).to_bytes(4, 'big') + tagged())
# Without a checksum.
put(vxlan(tagged()))
packets[-1][UDP].chksum = 0
# In fragments, which this side never sends.
put(vxlan(tagged()))
packets[-1:] = [Ether(dst=A['target']) / IP(raw(part)) for part in fragment(packets[-1][IP], 40)]
# From any port, the tunnel's own one, too.
for port in (1, PORT, 65535):
    put(vxlan(tagged()), sport=port)

# VXLAN in VXLAN: to the station it is a frame as any other, and so it is nothing to the tunnel.
nested = Ether(dst=A['local'], src=STRANGE, type=0x88b5) / Raw(vxlan(frame(), 43))
put(vxlan(raw(nested)))
# To the router, to be sent on to a tunnel endpoint: here and there. It has no way out.
for address in (A['to'], A['from']):
    inner = Ether(dst=A['gateway'], src=STRANGE) / IP(src=A['other'], dst=address) / UDP(sport=1, dport=PORT) / Raw(vxlan(frame()))
    bad('no-route', vxlan(raw(inner)))

link = conf.L2socket(iface=A['interface'])
for packet in packets:
    link.send(packet)

# What the kernel hands over as one: good and bad ones in one super-datagram, the last one shorter.
mixed = [vxlan(tagged()), vxlan(frame(), flags=0), vxlan(tagged()), vxlan(frame(), 7777), vxlan(frame(A['local'])), vxlan(tagged())]
mixed += [vxlan(frame('01:00:5e:00:00:01')), vxlan(tagged()), vxlan(frame())[:5]]
for reason in ('vxlan-malformed', 'vni-unknown', 'tunnel-local-source', 'source-multicast', 'vxlan-malformed'):
    reasons[reason] += 1
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind((A['from'], 0))
sender.setsockopt(socket.SOL_UDP if hasattr(socket, 'SOL_UDP') else 17, UDP_SEGMENT, len(mixed[0]))
sender.sendto(b''.join(mixed), (A['to'], PORT))

print(json.dumps({'good': good, 'reasons': reasons}))
