import { describe, it } from 'node:test'
import { play } from '../support/scenario.ts'

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index)

/** One line for each number, a burst at most. */
const lines = (numbers: readonly number[], line: (number: number) => string): string =>
  numbers.map(line).join('\n')

describe('runts', () => {
  it('of 0 to 13 bytes are dropped, of 14 they pass', () => {
    play(`
      network 1
      port 1,2 network=1
      ${lines(range(0, 13), (length) => `1> b a cut=${length}`)}
      1! runt-frame x14
      1> b a cut=14
      2< b a cut=14
    `)
  })

  it('with a tag are dropped from 14 to 17 bytes, of 18 they pass', () => {
    for (const tag of ['vlan=5', 'svlan=5']) {
      play(`
        network 1
        port 1,2 network=1
        ${lines(range(14, 17), (length) => `1> b a ${tag} cut=${length}`)}
        1! runt-frame x4
        1> b a ${tag} cut=18
        2< b a ${tag} cut=18
      `)
    }
  })

  it('with a tag are dropped also where their sender knows the checksum to be right', () => {
    play(`
      network 1
      port 1,2 network=1
      ${lines(range(14, 17), (length) => `1> b a vlan=5 cut=${length} virtio=2,0,0,0,0,0`)}
      1! runt-frame x4
    `)
  })

  it('teach the switch nothing', () => {
    play(`
      network 1
      port 1,2,3 network=1
      1> b a cut=13
      1! runt-frame
      2> a b ping
      1< a b ping
      3< a b ping
    `)
  })
})

describe('the MTU', () => {
  for (const mtu of [576, 1500, 9000, 65_521]) {
    it(`of ${mtu} lets ${mtu} bytes of packet pass, and each of two tags on top`, () => {
      const max = 14 + mtu
      play(`
        network 1
        port 1,2 network=1 mtu=${mtu}
        1> b a length=${max}
        1> b a vlan=5 length=${max + 4}
        1> b a svlan=5 length=${max + 4}
        1> b a svlan=5 vlan=6 length=${max + 8}
        1> b a vlan=5 vlan=6 length=${max + 8}
        2< b a length=${max}
        2< b a vlan=5 length=${max + 4}
        2< b a svlan=5 length=${max + 4}
        2< b a svlan=5 vlan=6 length=${max + 8}
        2< b a vlan=5 vlan=6 length=${max + 8}

        1> b a length=${max + 1}
        1> b a vlan=5 length=${max + 5}
        1> b a svlan=5 length=${max + 5}
        1> b a svlan=5 vlan=6 length=${max + 9}
        1! frame-too-long x4
      `)
    })
  }

  it('counts a third tag as packet', () => {
    play(`
      network 1
      port 1,2 network=1
      1> b a svlan=5 vlan=6 vlan=7 length=1522
      2< b a svlan=5 vlan=6 vlan=7 length=1522
      1> b a svlan=5 vlan=6 vlan=7 length=1523
      1! frame-too-long
    `)
  })

  it('is that of the port where the frame comes in', () => {
    play(`
      network 1
      port 1 network=1 mtu=9000
      port 2 network=1
      1> b a length=9014
      2< b a length=9014
      2> a b length=1515
      2! frame-too-long
    `)
  })

  it('holds for a frame whose checksum is left to do', () => {
    play(`
      network 1
      port 1,2 network=1
      1> b a length=1514 virtio=1,0,0,0,34,16
      1> b a vlan=5 length=1518 virtio=1,0,0,0,38,16
      2< b a length=1514 virtio=1,0,0,0,34,16
      2< b a vlan=5 length=1518 virtio=1,0,0,0,38,16
      1> b a length=1515 virtio=1,0,0,0,34,16
      1> b a length=1515 virtio=2,0,0,0,0,0
      1! frame-too-long x2
    `)
  })
})

describe('the source address', () => {
  it('must be that of one station', () => {
    play(`
      network 1
      port 1,2 network=1
      1> b * hello
      1> b 01:00:5e:00:00:01 hello
      1> b 33:33:00:00:00:01 hello
      1> * * hello
      1! source-multicast x4
    `)
  })

  it('may be any that is: local, global, all zeros', () => {
    play(`
      network 1
      port 1,2 network=1
      1> b 00:00:00:00:00:00 hello
      1> b fe:ff:ff:ff:ff:ff hello
      1> b 00:1b:21:00:00:01 hello
      2< b 00:00:00:00:00:00 hello
      2< b fe:ff:ff:ff:ff:ff hello
      2< b 00:1b:21:00:00:01 hello
      2> fe:ff:ff:ff:ff:ff b hello
      2> 00:00:00:00:00:00 b hello
      1< fe:ff:ff:ff:ff:ff b hello
      1< 00:00:00:00:00:00 b hello
    `)
  })
})

describe('VLAN tags', () => {
  it('pass untouched, single and double, and play no part in where a frame goes', () => {
    play(`
      network 1
      port 1,2,3 network=1
      1> * a vlan=5 hello
      2< * a vlan=5 hello
      3< * a vlan=5 hello
      2> a b svlan=100 vlan=4095 hello
      1< a b svlan=100 vlan=4095 hello
      1> b a hello
      2< b a hello
      1> b a vlan=6 type=0800 not IP at all
      2< b a vlan=6 type=0800 not IP at all
    `)
  })
})

describe('a virtio-net header', () => {
  it('passes as it came where the frame passes, whatever its unused fields hold', () => {
    play(`
      network 1
      port 1,2 network=1
      1> b a length=60 virtio=0,0,1,2,3,4
      1> b a length=60 virtio=2,0,9,9,9,9
      1> b a length=60 virtio=3,0,0,0,14,44
      2< b a length=60 virtio=0,0,1,2,3,4
      2< b a length=60 virtio=2,0,9,9,9,9
      2< b a length=60 virtio=3,0,0,0,14,44
    `)
  })

  it('that asks for what cannot be done loses the frame', () => {
    play(`
      network 1
      port 1,2 network=1
      # A checksum field that ends behind the frame, or begins in the Ethernet header.
      1> b a length=60 virtio=1,0,0,0,14,45
      1> b a length=60 virtio=1,0,0,0,13,10
      1> b a length=60 virtio=1,0,0,0,65535,65535
      # Flags and types that nobody has defined.
      1> b a length=60 virtio=4,0,0,0,0,0
      1> b a length=60 virtio=128,0,0,0,0,0
      1> b a length=60 virtio=1,2,0,100,34,16
      1> b a length=60 virtio=0,128,0,100,34,16
      # A super-frame without the checksum that segmenting it takes, or of what is no TCP.
      1> b a length=3000 virtio=0,1,0,1460,34,16
      1> b a length=3000 virtio=1,1,0,1460,34,16
      1> b a length=3000 virtio=1,5,0,1460,34,6
      1! offload-invalid x10
    `)
  })
})
