"""Frames over all protocols that Tapwire takes apart, made by scapy: a classic pcap on standard output.

    /usr/bin/python3 corpus.py COUNT SEED

The same COUNT and SEED give the same bytes. Each frame has a source port of its own, so that no reader takes two for one connection.
"""

import random
import struct
import sys

from scapy.all import raw
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRR, DNSRROPT, DNSRRSOA, DNSRRSRV, EDNS0TLV
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (
    HBHOptUnknown, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6MLDMultAddrRec, ICMPv6MLDone, ICMPv6MLQuery,
    ICMPv6MLQuery2, ICMPv6MLReport, ICMPv6MLReport2, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6ND_RS,
    ICMPv6NDOptDNSSL, ICMPv6NDOptDstLLAddr, ICMPv6NDOptMTU, ICMPv6NDOptPrefixInfo, ICMPv6NDOptRDNSS, ICMPv6NDOptRedirectedHdr,
    ICMPv6NDOptRouteInfo, ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6,
    IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN, RouterAlert)
from scapy.layers.ipsec import AH, ESP
from scapy.layers.l2 import ARP, LLC, SNAP, Dot1AD, Dot1Q, Dot3, Ether
from scapy.layers.vxlan import VXLAN

COUNT, SEED = int(sys.argv[1]), int(sys.argv[2])
R = random.Random(SEED)
number = 0


def some(size):
    return bytes(R.randrange(256) for _ in range(size))


def text(size):
    """What no program takes for a protocol of its own."""
    return bytes(R.choice(b'xyzw') for _ in range(size))


def mac():
    return '02:%02x:%02x:%02x:%02x:%02x' % tuple(some(5))


def ip4():
    return '10.%d.%d.%d' % (R.randrange(256), R.randrange(256), R.randrange(1, 255))


def ip6():
    return '2001:db8:%x::%x' % (R.randrange(1, 65536), R.randrange(1, 65536))


def name():
    return '.'.join(''.join(R.choice('abcdefgh') for _ in range(R.randrange(1, 9))) for _ in range(R.randrange(1, 4)))


def port():
    return 20000 + number % 40000


def ether(**fields):
    return Ether(src=mac(), dst=R.choice([mac(), 'ff:ff:ff:ff:ff:ff', '33:33:00:00:00:01']), **fields)


def v4(**fields):
    fields.setdefault('src', ip4())
    fields.setdefault('dst', ip4())
    return IP(ttl=R.randrange(1, 256), id=R.randrange(65536), tos=R.randrange(256), flags=R.choice(['DF', 0]), **fields)


def v6(**fields):
    return IPv6(src=ip6(), dst=ip6(), tc=R.randrange(256), fl=R.randrange(1 << 20), hlim=R.randrange(1, 256), **fields)


def network():
    return v4() if R.random() < 0.6 else v6()


def udp(payload=None, **fields):
    fields.setdefault('sport', port())
    fields.setdefault('dport', 61000 + R.randrange(100))
    return UDP(**fields) / (text(R.randrange(0, 40)) if payload is None else payload)


OPTIONS = [
    lambda: ('MSS', R.randrange(65536)), lambda: ('WScale', R.randrange(15)), lambda: ('SAckOK', b''),
    lambda: ('Timestamp', (R.randrange(1 << 32), R.randrange(1 << 32))), lambda: ('NOP', None),
    lambda: ('SAck', tuple(R.randrange(1 << 32) for _ in range(R.choice([2, 4])))),
    lambda: (34, some(8)), lambda: (99, some(R.randrange(5))), lambda: (254, some(6)),
]


def tcp_options():
    options, size = [], 0
    for _ in range(R.randrange(6)):
        option = R.choice(OPTIONS)()
        length = len(raw(TCP(options=[option]))) - 20
        if size + length <= 36:
            options.append(option)
            size += length
    return options


def tcp(payload=None, **fields):
    fields.setdefault('sport', port())
    fields.setdefault('dport', 61000 + R.randrange(100))
    fields.setdefault('flags', R.choice(['S', 'SA', 'A', 'PA', 'FA', 'R', 'RA', 'SEC', 'UPA', 'FPU']))
    return TCP(seq=R.randrange(1 << 32), ack=R.randrange(1 << 32), window=R.randrange(65536), urgptr=R.randrange(3) * 100,
               options=tcp_options(), **fields) / (text(R.randrange(0, 40)) if payload is None else payload)


def make_udp():
    return ether() / network() / udp()


def make_tcp():
    return ether() / network() / tcp()


def make_vlan():
    tags = R.choice([Dot1Q(vlan=R.randrange(4096), prio=R.randrange(8), id=R.randrange(2)),
                     Dot1AD(vlan=R.randrange(4096), prio=R.randrange(8)) / Dot1Q(vlan=R.randrange(4096)),
                     Dot1Q(vlan=R.randrange(4096)) / Dot1Q(vlan=R.randrange(4096))])
    return ether() / tags / R.choice([network() / udp(), ARP(psrc=ip4(), pdst=ip4(), hwsrc=mac())])


def make_arp():
    address = ip4()
    arp = R.choice([
        lambda: ARP(op=R.choice([1, 2, 3, 9]), hwsrc=mac(), hwdst=mac(), psrc=address, pdst=ip4()),
        lambda: ARP(op=R.choice([1, 2]), hwsrc=mac(), hwdst='00:00:00:00:00:00', psrc=address, pdst=address),
        lambda: ARP(op=1, hwsrc=mac(), hwdst='00:00:00:00:00:00', psrc='0.0.0.0', pdst=address)])()
    return ether() / arp / R.choice([b'', bytes(18)])


def ip_option():
    return R.choice([
        lambda: b'\x94\x04' + some(2), lambda: b'\x5e\x04' + some(2), lambda: b'\x01', lambda: b'\x88\x04' + some(2),
        lambda: b'\x07\x0b\x08' + some(8), lambda: b'\x44\x0c\x05\x00' + some(8), lambda: b'\x44\x0c\x05\x01' + some(8)])()


def make_ip_options():
    data = b''
    while len(data) < R.randrange(4, 24):
        data += ip_option()
    data = data[:40] if len(data) <= 40 else b'\x01'
    return ether() / v4(options=[IPOption(data + b'\0' * (-len(data) % 4))]) / udp()


def make_fragment():
    packet = v4()
    packet.flags, packet.frag = R.choice([(1, 0), (1, 185), (0, 370)])
    if packet.frag == 0:
        return ether() / packet / udp(text(64))
    packet.proto = 17
    return ether() / packet / text(64)


def make_bad_checksum():
    return R.choice([
        lambda: ether() / v4(chksum=R.randrange(1, 65535)) / udp(),
        lambda: ether() / v4() / udp(text(10), chksum=R.randrange(65535)),
        lambda: ether() / v6() / udp(text(10), chksum=R.randrange(1, 65535)),
        lambda: ether() / network() / tcp(chksum=R.randrange(65535)),
        lambda: ether() / v4() / ICMP(chksum=R.randrange(65535)) / text(9)])()


def quoted():
    packet = R.choice([v4() / udp(text(20)), v4() / tcp(text(20)), v4() / ICMP(id=7) / text(20)])
    data = raw(packet)
    return data if R.random() < 0.5 else data[:28]


def make_icmp():
    kind = R.choice(['echo', 'reply', 'unreachable', 'needed', 'redirect', 'exceeded', 'parameter', 'stamp', 'mask'])
    icmp = {
        'echo': lambda: ICMP(type=8, id=R.randrange(65536), seq=R.randrange(65536)) / text(R.randrange(30)),
        'reply': lambda: ICMP(type=0, id=R.randrange(65536), seq=R.randrange(65536)) / text(R.randrange(30)),
        'unreachable': lambda: ICMP(type=3, code=R.choice([0, 1, 2, 3, 9, 10, 13])) / quoted(),
        'needed': lambda: ICMP(type=3, code=4, nexthopmtu=R.randrange(1500)) / quoted(),
        'redirect': lambda: ICMP(type=5, code=R.randrange(4), gw=ip4()) / quoted(),
        'exceeded': lambda: ICMP(type=11, code=R.randrange(2)) / quoted(),
        'parameter': lambda: ICMP(type=12, ptr=R.randrange(20)) / quoted(),
        'stamp': lambda: ICMP(type=R.choice([13, 14]), ts_ori=R.randrange(86400000), ts_rx=2, ts_tx=3),
        'mask': lambda: ICMP(type=R.choice([17, 18]), addr_mask='255.255.0.0'),
    }[kind]()
    return ether() / v4() / icmp


def quoted6():
    return R.choice([v6() / udp(text(20)), v6() / tcp(text(20))])


ND_OPTIONS = [
    lambda: ICMPv6NDOptSrcLLAddr(lladdr=mac()), lambda: ICMPv6NDOptDstLLAddr(lladdr=mac()),
    lambda: ICMPv6NDOptMTU(mtu=R.randrange(1280, 9000)),
    lambda: ICMPv6NDOptPrefixInfo(prefix='2001:db8:5::', prefixlen=64, L=R.randrange(2), A=R.randrange(2), validlifetime=R.randrange(9999)),
    lambda: ICMPv6NDOptRDNSS(dns=[ip6() for _ in range(R.randrange(1, 3))], lifetime=R.randrange(9999)),
    lambda: ICMPv6NDOptDNSSL(searchlist=[name() for _ in range(R.randrange(1, 3))]),
    lambda: ICMPv6NDOptRouteInfo(prefix='2001:db8:7::', plen=R.choice([48, 64]), len=R.choice([2, 3]), prf=R.choice([0, 1, 3])),
]


def with_nd_options(packet):
    for _ in range(R.randrange(4)):
        packet = packet / R.choice(ND_OPTIONS)()
    return packet


def make_icmpv6():
    kinds = [
        lambda: ICMPv6EchoRequest(id=R.randrange(65536), seq=R.randrange(65536), data=text(R.randrange(20))),
        lambda: ICMPv6EchoReply(id=R.randrange(65536), seq=R.randrange(65536), data=text(R.randrange(20))),
        lambda: ICMPv6DestUnreach(code=R.randrange(7)) / quoted6(), lambda: ICMPv6PacketTooBig(mtu=R.randrange(1280, 9000)) / quoted6(),
        lambda: ICMPv6TimeExceeded(code=R.randrange(2)) / quoted6(), lambda: ICMPv6ParamProblem(code=R.randrange(3), ptr=R.randrange(60)) / quoted6(),
        lambda: with_nd_options(ICMPv6ND_RS()),
        lambda: with_nd_options(ICMPv6ND_RA(chlim=R.randrange(256), M=R.randrange(2), O=R.randrange(2), H=R.randrange(2), prf=R.choice([0, 1, 3]),
                                            routerlifetime=R.randrange(9000), reachabletime=R.randrange(9999), retranstimer=R.randrange(9999))),
        lambda: with_nd_options(ICMPv6ND_NS(tgt=ip6())), lambda: with_nd_options(ICMPv6ND_NA(tgt=ip6(), R=R.randrange(2), S=R.randrange(2), O=R.randrange(2))),
        lambda: ICMPv6ND_Redirect(tgt=ip6(), dst=ip6()) / ICMPv6NDOptRedirectedHdr(pkt=v6() / udp(text(16))),
        lambda: ICMPv6MLQuery(mladdr='ff02::5', mrd=R.randrange(9999)), lambda: ICMPv6MLReport(mladdr='ff02::5'), lambda: ICMPv6MLDone(mladdr='ff02::5'),
        lambda: ICMPv6MLQuery2(mladdr='ff02::5', QRV=2, QQIC=R.randrange(256), sources=[ip6() for _ in range(R.randrange(3))]),
        lambda: ICMPv6MLReport2(records=[ICMPv6MLDMultAddrRec(rtype=R.randrange(1, 7), dst='ff02::6', sources=[ip6() for _ in range(R.randrange(3))])
                                         for _ in range(R.randrange(1, 4))]),
    ]
    return ether() / v6() / R.choice(kinds)()


def make_extensions():
    packet = v6()
    for header in R.sample([
            lambda: IPv6ExtHdrHopByHop(options=[RouterAlert(value=R.randrange(3)), PadN(optdata=bytes(R.randrange(5)))]),
            lambda: IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=R.choice([0x0d, 0x3e, 0x1e]), optdata=text(R.randrange(1, 9)))]),
            lambda: IPv6ExtHdrRouting(addresses=[ip6() for _ in range(R.randrange(1, 3))], segleft=R.randrange(2)),
            lambda: IPv6ExtHdrFragment(offset=0, m=R.randrange(2), id=R.randrange(1 << 32)),
    ], R.randrange(1, 4)):
        header = header()
        if isinstance(header, IPv6ExtHdrHopByHop) and not isinstance(packet.lastlayer(), IPv6):
            continue
        packet = packet / header
    if R.random() < 0.2:
        return ether() / packet / IPv6ExtHdrFragment(offset=R.randrange(1, 100), m=R.randrange(2), nh=17) / text(24)
    return ether() / packet / udp(text(24))


def make_security():
    return R.choice([
        lambda: ether() / v4(proto=51) / AH(nh=17, payloadlen=4, spi=R.randrange(1 << 32), seq=number, icv=some(12)) / udp(),
        lambda: ether() / v6(nh=51) / AH(nh=6, payloadlen=4, spi=R.randrange(1 << 32), seq=number, icv=some(12)) / tcp(),
        lambda: ether() / v4(proto=50) / ESP(spi=R.randrange(1 << 32), seq=number, data=some(32))])()


def record():
    owner = name()
    kind = R.choice(['A', 'AAAA', 'CNAME', 'NS', 'PTR', 'TXT', 'MX', 'SRV', 'SOA', 'CAA', 'HTTPS', 'TYPE'])
    ttl = R.randrange(86400)
    return {
        'A': lambda: DNSRR(rrname=owner, ttl=ttl, type='A', rdata=ip4()),
        'AAAA': lambda: DNSRR(rrname=owner, ttl=ttl, type='AAAA', rdata=ip6()),
        'CNAME': lambda: DNSRR(rrname=owner, ttl=ttl, type='CNAME', rdata=name()),
        'NS': lambda: DNSRR(rrname=owner, ttl=ttl, type='NS', rdata=name()),
        'PTR': lambda: DNSRR(rrname=owner, ttl=ttl, type='PTR', rdata=name()),
        'TXT': lambda: DNSRR(rrname=owner, ttl=ttl, type='TXT', rdata=[text(R.randrange(1, 20)) for _ in range(R.randrange(1, 3))]),
        'MX': lambda: DNSRR(rrname=owner, ttl=ttl, type=15, rdata=struct.pack('>H', R.randrange(99)) + wire_name()),
        'SRV': lambda: DNSRRSRV(rrname='_http._tcp.' + owner, ttl=ttl, priority=R.randrange(99), weight=R.randrange(99), port=R.randrange(65536), target=name()),
        'SOA': lambda: DNSRRSOA(rrname=owner, ttl=ttl, mname=name(), rname=name(), serial=R.randrange(1 << 32), refresh=R.randrange(9999),
                                retry=R.randrange(9999), expire=R.randrange(9999), minimum=R.randrange(9999)),
        'CAA': lambda: DNSRR(rrname=owner, ttl=ttl, type=257, rdata=b'\x00\x05issue' + text(9)),
        'HTTPS': lambda: DNSRR(rrname=owner, ttl=ttl, type=65, rdata=struct.pack('>H', 1) + b'\0' + b'\0\1\0\6\2h2\2h3' + b'\0\3\0\2\1\xbb' + b'\0\4\0\4' + some(4)
                               + b'\0\6\0\x10\x20\x01\x0d\xb8' + some(12)),
        'TYPE': lambda: DNSRR(rrname=owner, ttl=ttl, type=65280, rdata=some(R.randrange(1, 9))),
    }[kind]()


def wire_name():
    return b''.join(bytes([len(label)]) + label.encode() for label in name().split('.')) + b'\0'


def chain(count):
    records = None
    for _ in range(count):
        records = record() if records is None else records / record()
    return records


def dns(response):
    question = DNSQR(qname=name(), qtype=R.choice(['A', 'AAAA', 'MX', 'TXT', 'PTR', 'ANY']))
    additional = None
    if R.random() < 0.4:
        options = [EDNS0TLV(optcode=R.choice([3, 12, 65001]), optdata=some(R.randrange(1, 9))) for _ in range(R.randrange(3))]
        additional = DNSRROPT(rclass=R.randrange(512, 4096), z=R.choice([0, 0x8000]), rdata=options)
    if not response:
        return DNS(id=R.randrange(65536), rd=R.randrange(2), ad=R.randrange(2), cd=R.randrange(2), qd=question, ar=additional)
    return DNS(id=R.randrange(65536), qr=1, aa=R.randrange(2), rd=1, ra=R.randrange(2), ad=R.randrange(2), rcode=R.choice([0, 0, 0, 2, 3, 5]),
               qd=question, an=chain(R.randrange(4)), ns=chain(R.randrange(2)), ar=additional)


def compressed():
    """An answer whose owner is a pointer to the question, and whose data are another."""
    question = wire_name() + struct.pack('>HH', 5, 1)
    header = struct.pack('>HHHHHH', R.randrange(65536), 0x8180, 1, 2, 0, 0)
    first = b'\xc0\x0c' + struct.pack('>HHIH', 5, 1, R.randrange(9999), 6) + R.choice([b'\3api', b'\3a@i']) + b'\xc0\x0c'
    second = struct.pack('>H', 0xc000 | (12 + len(question) + 12)) + struct.pack('>HHIH', 1, 1, R.randrange(9999), 4) + some(4)
    return header + question + first + second


def make_dns():
    response = R.random() < 0.6
    message = compressed() if response and R.random() < 0.4 else raw(dns(response))
    ends = {'sport': 53} if response else {'dport': 53}
    where = R.choice(['udp', 'udp', 'tcp', 'tcp2', 'mdns'])
    if where == 'udp':
        return ether() / network() / udp(message, **ends)
    if where == 'mdns':
        return ether() / network() / udp(message, sport=5353, dport=5353)
    data = struct.pack('>H', len(message)) + message
    if where == 'tcp2':
        other = raw(dns(response))
        data += struct.pack('>H', len(other)) + other
    return ether() / network() / tcp(data, flags='PA', **ends)


def make_dhcp():
    address = mac()
    request = R.random() < 0.5
    common = dict(chaddr=bytes.fromhex(address.replace(':', '')), xid=R.randrange(1 << 32), secs=R.randrange(99), flags=R.choice([0, 0x8000]))
    if request:
        options = [('message-type', R.choice(['discover', 'request', 'decline', 'release', 'inform'])),
                   ('client_id', b'\1' + common['chaddr']), ('requested_addr', ip4()), ('hostname', text(5)), ('max_dhcp_size', 1500),
                   ('param_req_list', [1, 3, 6, 12, 15, 26, 28, 42, 51, 58, 59, 119, 121]), ('vendor_class_id', text(6)), 'end']
        return ether() / v4() / UDP(sport=68, dport=67) / BOOTP(ciaddr=R.choice(['0.0.0.0', ip4()]), **common) / DHCP(options=options)
    options = [('message-type', R.choice(['offer', 'ack', 'nak'])), ('server_id', ip4())]
    more = [('lease_time', R.randrange(1 << 20)), ('renewal_time', R.randrange(1 << 20)), ('rebinding_time', R.randrange(1 << 20)),
            ('subnet_mask', '255.255.255.0'), ('router', ip4()), ('name_server', ip4(), ip4()), ('domain', text(6)), ('broadcast_address', ip4()),
            (121, bytes([24, 192, 168, 1]) + some(4) + bytes([0]) + some(4)), ('interface-mtu', 1400), ('NTP_server', ip4()), (56, text(4)),
            (200, some(3)), (33, some(8)), (19, b'\1'), (23, b'\x40'), (82, b'\1\4abcd\2\2xy'), (61, b'\0abc')]
    options += R.sample(more, R.randrange(len(more)))
    end = ['end'] + ['pad'] * R.randrange(4)
    return ether() / v4() / UDP(sport=67, dport=68) / BOOTP(op=2, yiaddr=ip4(), siaddr=ip4(), giaddr=ip4(), sname=R.choice([b'', b'server']),
                                                           file=R.choice([b'', b'boot.img']), **common) / DHCP(options=options + end)


def make_vxlan():
    inner = R.choice([make_udp, make_tcp, make_arp, make_icmp, make_dns])()
    return ether() / network() / UDP(sport=port(), dport=4789) / VXLAN(vni=R.randrange(1 << 24), flags=8) / inner


METHODS = ['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']


def make_http():
    if R.random() < 0.5:
        head = '%s /%s?q=%d HTTP/1.1\r\nHost: %s\r\nUser-Agent: test/1\r\nAccept: */*\r\nX-Some: thing\r\n\r\n' % (R.choice(METHODS), name(), R.randrange(99), name())
    else:
        head = 'HTTP/1.%d %d %s\r\nServer: test\r\nContent-Type: text/plain\r\nDate: now\r\n\r\n' % (R.randrange(2), R.choice([200, 301, 404, 500]), 'Some Reason')
    return ether() / network() / tcp(head.encode(), flags='PA', dport=R.choice([80, 8080]))


def extension(kind, data):
    return struct.pack('>HH', kind, len(data)) + data


def hello():
    host = name().encode()
    server_name = extension(0, struct.pack('>HBH', len(host) + 3, 0, len(host)) + host)
    alpn = extension(16, struct.pack('>H', 12) + b'\2h2\x08http/1.1')
    versions = extension(43, b'\4\3\4\3\3')
    extensions = b''.join(R.sample([server_name, alpn, versions], R.randrange(1, 4)))
    session = some(R.choice([0, 32]))
    body = b'\3\3' + some(32) + bytes([len(session)]) + session + b'\0\4\x13\1\xc0\x2f' + b'\1\0' + struct.pack('>H', len(extensions)) + extensions
    return body


def server_hello():
    extensions = extension(43, b'\3\4')
    return b'\3\3' + some(32) + b'\0' + b'\x13\1' + b'\0' + struct.pack('>H', len(extensions)) + extensions


def handshake(kind, body):
    message = bytes([kind]) + struct.pack('>I', len(body))[1:] + body
    return b'\x16\3\1' + struct.pack('>H', len(message)) + message


def make_tls():
    data = R.choice([
        lambda: handshake(1, hello()), lambda: handshake(2, server_hello()), lambda: b'\x15\3\3\0\2\1\0',
        lambda: b'\x17\3\3\0\x14' + some(20), lambda: b'\x14\3\3\0\1\1' + b'\x17\3\3\0\x10' + some(16)])()
    return ether() / network() / tcp(data, flags='PA', dport=443)


def make_other():
    return R.choice([
        lambda: Dot3(src=mac(), dst=mac()) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / text(35),
        lambda: Dot3(src=mac(), dst=mac()) / LLC(dsap=0xaa, ssap=0xaa, ctrl=3) / SNAP(OUI=0, code=0x9999) / text(20),
        lambda: ether(type=0x9998) / text(R.randrange(1, 60)),
        lambda: ether() / v4(proto=253) / text(R.randrange(1, 60)),
        lambda: ether() / v6(nh=59) / text(8),
        lambda: ether() / v4() / udp(text(3)) / bytes(15),
        lambda: ether() / v4(proto=4) / v4() / udp(),
        lambda: ether() / v4(proto=41) / v6() / udp()])()


def make_malformed():
    """A header with one byte that is wrong: a length, an offset, a type."""
    frame = bytearray(raw(R.choice([make_udp, make_tcp, make_icmp, make_arp, make_dns, make_ip_options])()))
    start = 14 + R.randrange(0, 48)
    if start < len(frame):
        frame[start] = R.choice([0, 1, 4, 5, 0x3f, 0x40, 0x41, 0x45, 0x46, 0x60, 0x80, 0xff, R.randrange(256)])
    return bytes(frame)


FAMILIES = [make_udp, make_tcp, make_tcp, make_vlan, make_arp, make_ip_options, make_fragment, make_bad_checksum, make_icmp, make_icmp, make_icmpv6,
            make_icmpv6, make_extensions, make_security, make_dns, make_dns, make_dhcp, make_vxlan, make_http, make_tls, make_other, make_malformed]

# Once each, as the last ones: what chance may leave out.
EDGES = [
    lambda: raw(ether() / v4() / udp(text(30))) + text(40),
    lambda: ether() / v4() / udp(compressed(), sport=5300, dport=61000),
    lambda: ether() / v4(proto=0) / text(24),
    lambda: ether() / v6() / IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=0x3e, optdata=text(3))]) / udp(),
    lambda: ether() / v4(options=[IPOption(b'\x5e\x04' + some(2))]) / udp(),
    lambda: ether() / v4() / tcp(text(9), flags='RA'),
]

out = sys.stdout.buffer
out.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
for number in range(COUNT):
    left = COUNT - number
    frame = raw((FAMILIES[number % len(FAMILIES)] if left > len(EDGES) else EDGES[left - 1])())
    # One of twenty is cut short, as by a snap length.
    kept = frame if number % 20 != 19 or left <= len(EDGES) else frame[:R.randrange(14, len(frame) + 1)]
    out.write(struct.pack('<IIII', number, 0, len(kept), len(frame)) + kept)
