import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import type { ClusterFiles } from '../../../src/control/cluster/cluster-options.ts'
import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import { ETCD_TIMES } from '../../../src/daemon/etcd/etcd-client.ts'
import { EtcdRegistry } from '../../../src/daemon/etcd/etcd-registry.ts'
import { TlsFiles } from '../../../src/daemon/etcd/tls-files.ts'
import { put, Told } from '../../control/registry/registry.conformance.ts'
import { insideNamespace } from '../../support/inside-namespace.ts'
import { needs } from '../../support/requirements.ts'
import { type CertificateFiles, Certificates } from '../support/certificates.ts'
import { type Etcd, needsEtcd, startEtcd } from '../support/etcd.ts'

insideNamespace(
  import.meta.url,
  () => {
    describe('etcd over TLS', () => {
      const certificates = new Certificates()
      let authority: CertificateFiles
      let other: CertificateFiles
      let client: CertificateFiles
      let stranger: CertificateFiles
      let etcd: Etcd
      const open: EtcdRegistry[] = []
      const connect = (files: ClusterFiles | undefined, host = '127.0.0.1'): EtcdRegistry => {
        const times = { ...ETCD_TIMES, callMs: 2000, retryMs: [5, 20] } as const
        const tls = files && new TlsFiles(files)
        const registry = new EtcdRegistry({ servers: [{ host, port: etcd.port }], tls, times })
        open.push(registry)
        return registry
      }
      const fails = async (registry: EtcdRegistry, problem: RegExp, hint: RegExp): Promise<void> => {
        await assert.rejects(registry.list('/a'), (error) => {
          assert.ok(error instanceof TapwireError)
          assert.equal(error.code, ErrorCode.registryUnavailable)
          assert.match(error.message, problem)
          assert.match(error.hint ?? '', hint)
          return true
        })
      }

      before(async () => {
        authority = await certificates.authority('authority')
        other = await certificates.authority('other')
        const server = await certificates.signed('server', authority, 'IP:127.0.0.1,DNS:etcd.test')
        client = await certificates.signed('client', authority, 'DNS:client')
        stranger = await certificates.signed('stranger', other, 'DNS:client')
        etcd = await startEtcd({ tls: { ...server, ca: authority.certificate } })
      })
      after(async () => {
        for (const registry of open) registry.close()
        await etcd.stop()
        certificates.remove()
      })

      it('takes a client with a certificate, calls and watches', async () => {
        const registry = connect({ ca: authority.certificate, ...client })
        const told = new Told()
        const { revision } = await registry.commit({ when: [], do: [put('/a', '1')] })
        registry.watch('/a', revision, told.listener)
        await told.until(() => told.changes.length > 0)
        assert.deepEqual(told.words, ['put /a 1'])
      })

      it('takes none without one, or with one that another authority has signed', async () => {
        const problem = /it does not take the certificate of this host, or wants one/
        await fails(connect({ ca: authority.certificate }), problem, /--cluster-cert FILE --cluster-key FILE/)
        await fails(connect({ ca: authority.certificate, ...stranger }), problem, /--cluster-cert/)
      })

      it('is not trusted where its authority is unknown, or its name another one', async () => {
        const problem = /its certificate is not signed by an authority that is trusted/
        await fails(connect({ ca: other.certificate, ...client }), problem, /--cluster-ca FILE/)
        await fails(connect(client), problem, /--cluster-ca FILE/)
        const files = { ca: authority.certificate, ...client }
        await fails(connect(files, '127.0.0.2'), /nobody listens there/, /./)
        await fails(
          connect(files, 'localhost'),
          /its certificate is for another name/,
          /as the certificate has it/,
        )
      })

      it('is found out where the address is without TLS', async () => {
        await fails(
          connect(undefined),
          /the connection was cut|what it answers is not what etcd says/,
          /etcds:/,
        )
      })

      it('takes certificates that were renewed meanwhile', async () => {
        const files = { certificate: certificates.path('renewed.pem'), key: certificates.path('renewed.key') }
        const use = ({ certificate, key }: CertificateFiles): void => {
          copyFileSync(certificate, files.certificate)
          copyFileSync(key, files.key)
        }
        use(stranger)
        const registry = connect({ ca: authority.certificate, ...files })
        await fails(registry, /does not take the certificate/, /./)
        use(client)
        assert.equal((await registry.list('/a')).entries.length, 1)
      })

      it('has files that are checked when they are read', () => {
        const { certificate, key } = client
        const text = certificates.write('text', 'hello')
        const wrong: [ClusterFiles, RegExp][] = [
          [{ ca: '/none' }, /\/none cannot be read: ENOENT/],
          [{ ca: text }, /text has no certificate in PEM form/],
          [{ certificate }, /takes its key/],
          [{ key }, /takes its key/],
          [{ certificate: key, key }, /client\.key has no certificate/],
          [{ certificate, key: text }, /text has no private key in PEM form/],
          [{ certificate, key: other.key }, /the key in .*other\.key is not that of the certificate/],
        ]
        for (const [files, message] of wrong) {
          assert.throws(
            () => new TlsFiles(files),
            (error) =>
              error instanceof TapwireError &&
              error.code === ErrorCode.clusterInvalid &&
              message.test(error.message),
          )
        }
      })
    })
  },
  needsEtcd() || needs('openssl'),
)
