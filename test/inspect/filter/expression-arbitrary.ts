/** Filters as people and machines write them, by fast-check: most of them are valid, some only nearly. */

import fc from 'fast-check'

const words = (...texts: string[]): fc.Arbitrary<string> => fc.constantFrom(...texts)

const joined = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((texts) => texts.filter((text) => text !== '').join(' '))

const ADDRESSES = ['10.1.0.1', '10.1.0.2', '10.9.0.1', '192.168.1.1', '255.255.255.255', '10.1', '0x0a010002']
const ADDRESSES6 = ['fe80::1', 'ff02::1', 'fd00::2', '2001:db8::1', '::ffff:10.1.0.1']
const MACS = ['02:00:00:00:00:01', 'ff:ff:ff:ff:ff:ff', '2-0-0-0-0-a', '0200.0000.0002', '33:33:0:0:0:1']
const PORTS = [
  '22',
  '53',
  '80',
  '443',
  '5201',
  '8080',
  '0',
  '0x50',
  '0120',
  'http',
  'domain',
  'ssh',
  'https',
  'ntp',
]
const NUMBERS = [
  '0',
  '1',
  '2',
  '6',
  '13',
  '17',
  '0x0f',
  '0xff',
  '255',
  '1500',
  '0x0800',
  '0x86dd',
  '4294967295',
]

const direction = words('', '', 'src', 'dst', 'src or dst', 'src and dst', 'dst or src')

const ids = (id: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 5, arbitrary: id },
    { weight: 1, arbitrary: joined(id, words('or', 'and'), id) },
    {
      weight: 1,
      arbitrary: fc.tuple(id, words('or', 'and', '||'), id).map(([a, word, b]) => `(${a} ${word} ${b})`),
    },
    { weight: 1, arbitrary: id.map((text) => `not ${text}`) },
  )

const hosts = joined(
  words('', '', '', 'ip', 'arp', 'rarp', 'ip6', 'tcp'),
  direction,
  words('host', 'host', 'net'),
  ids(words(...ADDRESSES, ...ADDRESSES6)),
)

const nets = joined(
  words('', 'ip', 'arp', 'ip6'),
  direction,
  words('net'),
  words(
    '10.0.0.0/8',
    '10.1/16',
    '10.1.0.0/30',
    '10',
    '10.1',
    '0.0.0.0/0',
    '10.1.0.0 mask 255.255.0.0',
    'fe80::/10',
    '::/0',
    'fd00::/8',
    '10.1.0.1/8',
  ),
)

const ports = joined(words('', 'tcp', 'udp', 'sctp', 'ip'), direction, words('port'), ids(words(...PORTS)))

const ranges = joined(
  words('', 'tcp', 'udp'),
  direction,
  words('portrange'),
  words('20-80', '5201-5201', '0-65535', '443-80', '8080', '40000-65535'),
)

const ethers = joined(words('ether'), words('host', 'src', 'dst', 'src host', 'src or dst'), words(...MACS))

const protocols = fc.oneof(
  joined(
    words('proto', 'ip proto', 'ip6 proto'),
    words('6', '17', '\\tcp', '\\udp', '1', '58', '44', '\\icmp', '\\sctp'),
  ),
  joined(words('ether proto'), words('0x0800', '\\ip', '\\arp', '\\ip6', '0x86dd', '0x10', '0x8100', '2048')),
  words(
    'ip',
    'ip6',
    'arp',
    'rarp',
    'tcp',
    'udp',
    'icmp',
    'icmp6',
    'igmp',
    'sctp',
    'pim',
    'ah',
    'esp',
    'vrrp',
  ),
  words('broadcast', 'multicast', 'ether broadcast', 'ether multicast', 'ip multicast', 'ip6 multicast'),
)

const lengths = fc.oneof(
  joined(words('less', 'greater'), words('60', '64', '100', '1514')),
  joined(words('len', 'length'), words('<', '>', '<=', '>=', '=', '!='), words('60', '64', '98', '1514')),
)

const value = fc.letrec((tie) => ({
  arithmetic: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 2, arbitrary: words(...NUMBERS) },
    { weight: 4, arbitrary: tie('load') },
    {
      weight: 3,
      arbitrary: fc
        .tuple(
          tie('arithmetic'),
          words('+', '-', '*', '&', '|', '^', '/', '%', '<<', '>>'),
          tie('arithmetic'),
        )
        .map(([a, sign, b]) => `${String(a)} ${sign} ${String(b)}`),
    },
    { weight: 1, arbitrary: tie('arithmetic').map((text) => `(${String(text)})`) },
    { weight: 1, arbitrary: tie('arithmetic').map((text) => `-${String(text)}`) },
    { weight: 1, arbitrary: words('len') },
  ),
  load: fc
    .tuple(
      words('ether', 'ip', 'ip6', 'tcp', 'udp', 'icmp', 'icmp6', 'arp', 'igmp', 'link', 'sctp'),
      fc.oneof(
        {
          weight: 6,
          arbitrary: words(
            '0',
            '1',
            '2',
            '4',
            '6',
            '8',
            '9',
            '12',
            '13',
            '16',
            '20',
            '40',
            'tcpflags',
            'icmptype',
          ),
        },
        { weight: 1, arbitrary: words('60', '1000', '4294967295', '-1', 'ip[0] & 0xf', 'len - 4', '2 * 3') },
      ),
      words('', ':1', ':2', ':4'),
    )
    .map(([protocol, index, size]) => `${protocol}[${index}${size}]`),
})).arithmetic as fc.Arbitrary<string>

const relations = fc.oneof(
  joined(value, words('=', '!=', '<', '>', '<=', '>=', '=='), value),
  words(
    'tcp[tcpflags] & (tcp-syn|tcp-fin) != 0',
    'tcp[13] = 2',
    'icmp[icmptype] = icmp-echo',
    'icmp6[icmp6type] = icmp6-neighborsolicit',
    'ip[6:2] & 0x1fff = 0',
    'ip[0] & 0xf != 5',
    'ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2) != 0',
    'tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420',
    'udp[4:2] > 100',
  ),
)

const vlans = joined(words('vlan'), words('', '5', '100', '(5)'))

/** What stands between `and` and `or`. */
const primitive = fc.oneof(
  { weight: 4, arbitrary: hosts },
  { weight: 2, arbitrary: nets },
  { weight: 4, arbitrary: ports },
  { weight: 2, arbitrary: ranges },
  { weight: 2, arbitrary: ethers },
  { weight: 4, arbitrary: protocols },
  { weight: 2, arbitrary: lengths },
  { weight: 5, arbitrary: relations },
  { weight: 2, arbitrary: vlans },
)

export const expressions: fc.Arbitrary<string> = fc.letrec((tie) => ({
  expression: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: primitive },
    {
      weight: 3,
      arbitrary: fc
        .tuple(tie('expression'), words('and', 'or', '&&', '||'), tie('expression'))
        .map(([a, word, b]) => `${String(a)} ${word} ${String(b)}`),
    },
    { weight: 1, arbitrary: tie('expression').map((text) => `(${String(text)})`) },
    {
      weight: 1,
      arbitrary: fc.tuple(words('not ', '!'), tie('expression')).map(([word, text]) => word + String(text)),
    },
  ),
})).expression as fc.Arbitrary<string>

/** Words and signs in any order. */
export const wordSalad: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      words(
        'host',
        'net',
        'port',
        'portrange',
        'proto',
        'src',
        'dst',
        'and',
        'or',
        'not',
        'vlan',
        'less',
        'len',
        'mask',
        'tcp',
        'ip6',
      ),
      words(
        '(',
        ')',
        '[',
        ']',
        ':',
        '/',
        '-',
        '+',
        '%',
        '^',
        '&',
        '=',
        '!=',
        '<<',
        '!',
        '\\',
        '\\tcp',
        'mpls',
        '0x',
        '::',
        '1.2',
        'a-b',
      ),
      words(...ADDRESSES, ...ADDRESSES6, ...MACS, ...NUMBERS, ...PORTS),
    ),
    { maxLength: 12 },
  )
  .map((texts) => texts.join(' '))
