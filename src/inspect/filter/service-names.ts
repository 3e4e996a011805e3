/** Names of ports (the registry of service names, RFC 6335), those that people type. */

export interface Service {
  readonly port: number
  readonly tcp: boolean
  readonly udp: boolean
}

const service = (name: string, port: number, protocols: string): [name: string, service: Service] => [
  name,
  { port, tcp: protocols.includes('tcp'), udp: protocols.includes('udp') },
]

export const SERVICES: ReadonlyMap<string, Service> = new Map([
  service('echo', 7, 'tcp udp'),
  service('discard', 9, 'tcp udp'),
  service('daytime', 13, 'tcp udp'),
  service('chargen', 19, 'tcp udp'),
  service('ftp-data', 20, 'tcp'),
  service('ftp', 21, 'tcp'),
  service('ssh', 22, 'tcp'),
  service('telnet', 23, 'tcp'),
  service('smtp', 25, 'tcp'),
  service('time', 37, 'tcp udp'),
  service('whois', 43, 'tcp'),
  service('domain', 53, 'tcp udp'),
  service('bootps', 67, 'udp'),
  service('bootpc', 68, 'udp'),
  service('tftp', 69, 'udp'),
  service('finger', 79, 'tcp'),
  service('http', 80, 'tcp'),
  service('kerberos', 88, 'tcp udp'),
  service('pop3', 110, 'tcp'),
  service('sunrpc', 111, 'tcp udp'),
  service('ntp', 123, 'udp'),
  service('netbios-ns', 137, 'udp'),
  service('netbios-dgm', 138, 'udp'),
  service('netbios-ssn', 139, 'tcp'),
  service('imap2', 143, 'tcp'),
  service('imap', 143, 'tcp'),
  service('snmp', 161, 'tcp udp'),
  service('snmp-trap', 162, 'tcp udp'),
  service('bgp', 179, 'tcp'),
  service('ldap', 389, 'tcp udp'),
  service('https', 443, 'tcp udp'),
  service('microsoft-ds', 445, 'tcp'),
  service('isakmp', 500, 'udp'),
  service('syslog', 514, 'udp'),
  service('submission', 587, 'tcp'),
  service('ldaps', 636, 'tcp udp'),
  service('domain-s', 853, 'tcp udp'),
  service('imaps', 993, 'tcp'),
  service('pop3s', 995, 'tcp'),
  service('socks', 1080, 'tcp'),
  service('openvpn', 1194, 'tcp udp'),
  service('nfs', 2049, 'tcp udp'),
  service('mysql', 3306, 'tcp'),
  service('ms-wbt-server', 3389, 'tcp'),
  service('sip', 5060, 'tcp udp'),
  service('mdns', 5353, 'udp'),
  service('postgresql', 5432, 'tcp'),
  service('amqp', 5672, 'tcp'),
  service('redis', 6379, 'tcp'),
  service('http-alt', 8080, 'tcp'),
])
