import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConnectionShares, type SharedConnection } from '../../../src/daemon/dns/connection-shares.ts'
import { ServerNumbers } from '../../../src/daemon/dns/server-numbers.ts'
import { DNS_LOG_ENTRIES } from '../../../src/limits.ts'

class Connection implements SharedConnection {
  idle = true
  isClosed = false
  readonly #shares: ConnectionShares

  constructor(shares: ConnectionShares) {
    this.#shares = shares
  }

  close(): void {
    this.isClosed = true
    this.#shares.remove(this)
  }
}

describe('shares of connections', () => {
  const filled = (max: number, perClient: number, ...clients: readonly string[]) => {
    const shares = new ConnectionShares(max, perClient)
    const connections = clients.map((client) => {
      assert.ok(shares.makeRoom(client))
      const connection = new Connection(shares)
      shares.add(client, connection)
      return connection
    })
    return { shares, connections, closed: () => connections.map(({ isClosed }) => isClosed) }
  }

  it('a client at its share loses its own oldest idle connection', () => {
    const { shares, connections, closed } = filled(10, 2, 'b', 'a', 'a')
    connections[1]!.idle = false
    assert.ok(shares.makeRoom('a'))
    assert.deepEqual(closed(), [false, false, true])
  })

  it('a client whose connections all have questions is refused, and others are not', () => {
    const { shares, connections, closed } = filled(10, 2, 'a', 'a', 'b')
    for (const connection of connections) connection.idle = false
    assert.equal(shares.makeRoom('a'), false)
    assert.ok(shares.makeRoom('b'))
    assert.deepEqual(closed(), [false, false, false])
  })

  it('where there are as many as may be, the oldest idle one goes, whoever has it', () => {
    const { shares, connections, closed } = filled(3, 2, 'a', 'b', 'c')
    connections[0]!.idle = false
    assert.ok(shares.makeRoom('d'))
    assert.deepEqual(closed(), [false, true, false])
    shares.add('d', new Connection(shares))
    for (const connection of connections) connection.idle = false
    // The one that is idle is the newcomer's.
    assert.ok(shares.makeRoom('e'))
    const busy = new Connection(shares)
    busy.idle = false
    shares.add('e', busy)
    assert.equal(shares.makeRoom('f'), false)
  })

  it('what is gone counts no more, and goes once', () => {
    const { shares, connections } = filled(10, 1, 'a')
    shares.remove(connections[0]!)
    shares.remove(connections[0]!)
    assert.equal(shares.size, 0)
    assert.ok(shares.makeRoom('a'))
  })
})

describe('numbers of servers', () => {
  it('an address keeps its number, and none has none', () => {
    const numbers = new ServerNumbers()
    const [a, b] = [numbers.numberOf('192.0.2.1'), numbers.numberOf('2001:db8::1')]
    assert.notEqual(a, b)
    assert.equal(numbers.numberOf('192.0.2.1'), a)
    assert.deepEqual([numbers.addressOf(a), numbers.addressOf(b)], ['192.0.2.1', '2001:db8::1'])
    assert.equal(numbers.numberOf(''), -1)
    assert.equal(numbers.addressOf(-1), '')
  })

  it('are as many as the log has entries, and those that were used last', () => {
    const numbers = new ServerNumbers()
    const often = numbers.numberOf('192.0.2.1')
    const once = numbers.numberOf('192.0.2.2')
    for (let other = 0; other < DNS_LOG_ENTRIES - 1; other++) {
      numbers.numberOf('192.0.2.1')
      numbers.numberOf(`2001:db8::${other.toString(16)}`)
    }
    assert.equal(numbers.addressOf(often), '192.0.2.1')
    assert.equal(numbers.addressOf(once), '')
    assert.notEqual(numbers.numberOf('192.0.2.2'), once)
  })

  it('are never larger than what the log has room for', () => {
    const numbers = new ServerNumbers()
    const stays = numbers.numberOf('192.0.2.1')
    for (let other = 0; other < 70_000; other++) {
      const address = `2001:db8::${other.toString(16)}`
      const number = numbers.numberOf(address)
      assert.equal(Int16Array.of(number)[0], number)
      assert.notEqual(number, stays)
      assert.equal(numbers.addressOf(number), address)
      assert.equal(numbers.numberOf('192.0.2.1'), stays)
    }
  })
})
