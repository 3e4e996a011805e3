import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { DoctorCheck } from '../../../src/control/api/doctor.ts'
import type { Version } from '../../../src/control/api/system.ts'
import { insideNamespace } from '../../support/inside-namespace.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { type Etcd, needsEtcd, startEtcd } from '../support/etcd.ts'
import { attempt } from '../support/program.ts'
import { newFolder } from '../support/scene.ts'

const CLI = join(repositoryRoot, 'dist/src/cli/main.js')

insideNamespace(
  import.meta.url,
  () => {
    describe('a daemon of a cluster', () => {
      const root = newFolder()
      const file = join(root, 'daemon.json')
      let etcd: Etcd
      let daemon: ControlDaemon
      const doctor = async (): Promise<DoctorCheck[]> => {
        const { output, errors } = await attempt(
          {},
          process.execPath,
          CLI,
          '--root',
          root,
          'doctor',
          '--json',
        )
        assert.equal(errors, '')
        return (JSON.parse(output) as { checks: DoctorCheck[] }).checks
      }
      const registry = async (): Promise<DoctorCheck | undefined> =>
        (await doctor()).find(({ name }) => name === 'registry')

      before(async () => {
        etcd = await startEtcd()
      })
      after(async () => {
        await daemon.stop()
        await etcd.stop()
      })

      it('takes its settings from the command line, and else from the file', async () => {
        writeFileSync(
          file,
          JSON.stringify({ cluster: 'etcd://192.0.2.1', advertise: '127.0.0.1', 'host-name': 'one' }),
        )
        daemon = await ControlDaemon.start({ root, args: ['--cluster', `${etcd.endpoint}/blue`] })
        const { Cluster } = await daemon.call<Version>('GET', '/version')
        assert.equal(Cluster?.Address, 'etcd://127.0.0.1:2379/blue')
        assert.deepEqual(
          [Cluster.HostName, Cluster.Advertise, Cluster.DataPathPort],
          ['one', '127.0.0.1', 4789],
        )
      })

      it('keeps them until it starts again', async () => {
        writeFileSync(file, JSON.stringify({ advertise: '0.0.0.0' }))
        process.kill(daemon.pid, 'SIGHUP')
        await daemon.program.printed(
          /0\.0\.0\.0 is no address that others reach a host at.*the configuration was not reloaded/,
        )
        writeFileSync(file, JSON.stringify({ advertise: '127.0.0.2' }))
        process.kill(daemon.pid, 'SIGHUP')
        await daemon.program.printed(/"settings":\["cluster"\]/)
        assert.equal((await daemon.call<Version>('GET', '/version')).Cluster?.Advertise, '127.0.0.1')
      })

      it('has a registry that doctor looks at: the one of the daemon that runs', async () => {
        const { state, detail } = (await registry())!
        assert.equal(state, 'ok', detail)
        assert.match(
          detail,
          /^http:\/\/127\.0\.0\.1:2379: etcd 3\.\d+\.\d+, revision \d+, \d+ entries of this cluster, [\d.]+ MB in all, answers in [\d.]+ ms, grants a lease in [\d.]+ ms$/,
        )
        await daemon.stop()
        writeFileSync(file, JSON.stringify({ cluster: 'etcd://127.0.0.1:1', advertise: '127.0.0.2' }))
        const away = (await registry())!
        assert.equal(away.state, 'fail')
        assert.match(
          away.detail,
          /The registry of the cluster is not available: http:\/\/127\.0\.0\.1:1: nobody listens there/,
        )
        assert.match(away.hint ?? '', /^Look whether etcd:\/\/127\.0\.0\.1:1\/default is right/)
      })
    })
  },
  needsEtcd() || needsTap(),
)
