/** Has tshark look at every checksum. It would take those of IP, TCP and UDP as they are: an interface may still have to make them. */
export const CHECK_CHECKSUMS: readonly string[] = ['ip', 'tcp', 'udp'].flatMap((protocol) => [
  '-o',
  `${protocol}.check_checksum:TRUE`,
])

/** Packets with a checksum that is wrong, outside or inside; one that is not there is not wrong. */
export const BAD_CHECKSUM: string = ['ip', 'tcp', 'udp', 'icmp', 'icmpv6']
  .map((protocol) => `${protocol}.checksum.status == 0`)
  .join(' || ')
