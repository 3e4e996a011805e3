import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import { formatClusterAddress, parseClusterAddress } from '../../../src/control/rules/cluster-address.ts'
import { type ClusterSettings, clusterOptions } from '../../../src/control/rules/cluster-options.ts'

const refused =
  (message: RegExp, hint: RegExp = /./) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof TapwireError)
    assert.equal(error.code, ErrorCode.clusterInvalid)
    assert.match(error.message, message)
    assert.match(error.hint ?? '', hint)
    return true
  }

describe('the address of a cluster', () => {
  it('has servers, and a name', () => {
    const cases: Record<string, string> = {
      'etcd://10.0.0.1': 'etcd://10.0.0.1:2379/default',
      'etcd://10.0.0.1/': 'etcd://10.0.0.1:2379/default',
      'etcd://10.0.0.1:1,10.0.0.2:65535/blue': 'etcd://10.0.0.1:1,10.0.0.2:65535/blue',
      'etcds://[2001:db8::1],etcd-2.example_x.:99/a.b-c_D':
        'etcds://[2001:db8::1]:2379,etcd-2.example_x.:99/a.b-c_D',
      'etcd://localhost:2379': 'etcd://localhost:2379/default',
    }
    for (const [text, formatted] of Object.entries(cases)) {
      assert.equal(formatClusterAddress(parseClusterAddress(text)), formatted)
      assert.deepEqual(parseClusterAddress(formatted), parseClusterAddress(text))
    }
    assert.deepEqual(parseClusterAddress('etcds://[2001:db8::1]/x'), {
      secure: true,
      servers: [{ host: '2001:db8::1', port: 2379 }],
      name: 'x',
    })
  })

  it('is refused with the reason', () => {
    const cases: [string, RegExp][] = [
      ['', /does not begin with etcd:/],
      ['10.0.0.1:2379', /does not begin with etcd:/],
      ['http://10.0.0.1:2379', /'http' is no registry/],
      ['ETCD://a', /'ETCD' is no registry/],
      ['etcd://', /no name and no address/],
      ['etcd:///x', /no name and no address/],
      ['etcd://a,,b', /no name and no address/],
      ['etcd://a,a:2379', /'a:2379' is there twice/],
      [`etcd://${Array.from({ length: 17 }, (_, n) => `h${n}`).join(',')}`, /more than 16 servers/],
      ['etcd://root:secret@a', /names and passwords do not belong there/],
      ['etcd://a:0', /'0' is no port/],
      ['etcd://a:65536', /'65536' is no port/],
      ['etcd://a:', /'' is no port/],
      ['etcd://2001:db8::1', /write \[2001:db8::1\] with brackets/],
      ['etcd://[10.0.0.1]', /'10\.0\.0\.1' is no IPv6 address/],
      ['etcd://[::1', /'\[::1' is no name or address/],
      ['etcd://10.0.0.256', /'10\.0\.0\.256' is no name or address/],
      ['etcd://a b', /'a b' is no name or address/],
      ['etcd://-a', /'-a' is no name or address/],
      ['etcd://a/b/c', /'b\/c' is no name of a cluster/],
      ['etcd://a/.', /'\.' is no name of a cluster/],
      [`etcd://a/${'x'.repeat(64)}`, /is no name of a cluster/],
      ['etcd://a/b\n', /is no name of a cluster/],
    ]
    for (const [text, message] of cases)
      assert.throws(() => parseClusterAddress(text), refused(message, /etcd:\/\/HOST:PORT/), text)
  })

  it('is read or refused, whatever it is', () => {
    const piece = fc.constantFrom(
      'etcd',
      's',
      '://',
      ':',
      ',',
      '/',
      '[',
      ']',
      '::1',
      'a',
      '1',
      '.',
      '@',
      ' ',
      '\n',
      '2379',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('')
        try {
          const address = parseClusterAddress(text)
          assert.deepEqual(parseClusterAddress(formatClusterAddress(address)), address)
        } catch (error) {
          refused(/invalid address of a cluster/)(error)
        }
      }),
    )
  })
})

describe('the settings of a host in a cluster', () => {
  const GIVEN: ClusterSettings = { cluster: 'etcd://10.0.0.9', advertise: '10.0.0.1' }
  const options = (settings: ClusterSettings): unknown => clusterOptions(settings, 'machine')

  it('are few', () => {
    assert.equal(options({}), undefined)
    assert.deepEqual(options(GIVEN), {
      address: parseClusterAddress('etcd://10.0.0.9'),
      files: { ca: undefined, certificate: undefined, key: undefined },
      advertise: '10.0.0.1',
      udpPort: 4789,
      hostName: 'machine',
    })
    const all = {
      cluster: 'etcds://etcd.example/blue',
      advertise: '2001:db8::1',
      hostName: 'one',
      dataPathPort: 8472,
      ca: '/ca',
      certificate: '/cert',
      key: '/key',
    }
    assert.deepEqual(options(all), {
      address: parseClusterAddress('etcds://etcd.example/blue'),
      files: { ca: '/ca', certificate: '/cert', key: '/key' },
      advertise: '2001:db8::1',
      udpPort: 8472,
      hostName: 'one',
    })
  })

  it('are refused with the reason', () => {
    const cases: [ClusterSettings, RegExp, RegExp?][] = [
      [{ advertise: '10.0.0.1' }, /advertise is said, and no cluster/, /--cluster/],
      [{ hostName: 'x' }, /host-name is said, and no cluster/],
      [{ dataPathPort: 4789 }, /data-path-port is said/],
      [{ key: '/x' }, /cluster-key is said/],
      [{ ...GIVEN, cluster: 'etcd:/x' }, /does not begin with/],
      [{ cluster: 'etcd://a' }, /takes advertise/, /--advertise 192\.0\.2\.1/],
      [{ ...GIVEN, advertise: 'eth0' }, /advertise is an address, not 'eth0'/, /--advertise/],
      ...[
        '0.0.0.0',
        '0.1.2.3',
        '224.0.0.1',
        '255.255.255.255',
        '::',
        'ff02::1',
        'fe80::1',
        '::ffff:192.0.2.1',
      ].map((advertise): [ClusterSettings, RegExp] => [
        { ...GIVEN, advertise },
        /is no address that others reach/,
      ]),
      [{ ...GIVEN, dataPathPort: 1023 }, /from 1024 to 49151, not 1023/],
      [{ ...GIVEN, dataPathPort: 49_152 }, /from 1024 to 49151/],
      [{ ...GIVEN, dataPathPort: 4789.5 }, /from 1024 to 49151/],
      [{ ...GIVEN, hostName: 'a/b' }, /'a\/b' is no name of a host/, /--host-name NAME/],
      [{ ...GIVEN, hostName: '' }, /'' is no name of a host/],
      [{ ...GIVEN, ca: '/ca' }, /does not begin with etcds:/],
      [{ ...GIVEN, cluster: 'etcds://a', certificate: '/c' }, /cluster-cert takes cluster-key/],
    ]
    for (const [settings, message, hint] of cases)
      assert.throws(
        () => options(settings),
        (error) => {
          assert.match((error as Error).message, message)
          if (hint !== undefined) assert.match((error as TapwireError).hint ?? '', hint)
          return error instanceof TapwireError && error.code === ErrorCode.clusterInvalid
        },
      )
    assert.throws(() => clusterOptions(GIVEN, '(none)'), refused(/'\(none\)' is no name/))
  })
})
