import { BlockList, isIP } from 'node:net'

/** Whether an address, or the first one of a subnet, lies in a subnet. False where one of them is none. */
export function contains(subnet: string, address: string): boolean {
  const [base = '', length = ''] = subnet.split('/')
  const [host = ''] = address.split('/')
  const family = isIP(base)
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(length)) return false
  if (Number(length) > (family === 4 ? 32 : 128)) return false
  const name = family === 4 ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  list.addSubnet(base, Number(length), name)
  return list.check(host, name)
}
