import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { Datapath } from '../../src/daemon/datapath.ts'
import { DatapathFabric } from '../../src/daemon/fabric.ts'
import { RelayAttachment } from '../../src/daemon/relay/relay-attachment.ts'
import { insideNamespace } from '../support/inside-namespace.ts'
import { NetworkNamespace, plainEnvironment } from '../support/network-namespace.ts'
import { needsTap } from '../support/requirements.ts'

const DOMAIN = 1
const PORT = { port: 1, domain: DOMAIN, name: 'tap7', mac: '02:42:0a:00:00:02', mtu: 1500, offload: true }

const interfaces = (): string =>
  execFileSync('ip', ['-o', 'link'], { encoding: 'utf8', env: plainEnvironment() })

insideNamespace(
  import.meta.url,
  () => {
    describe("a sandbox's port", () => {
      let datapath: Datapath
      let fabric: DatapathFabric
      let relay: RelayAttachment

      before(async () => {
        datapath = await Datapath.start()
        relay = new RelayAttachment(datapath)
        const log = { info: () => undefined, warn: () => undefined }
        fabric = new DatapathFabric(datapath, { log, relay, resolvConf: '/etc/resolv.conf' })
        await fabric.addDomain(DOMAIN, { transparent: false, icc: true })
      })

      after(async () => {
        await fabric.close()
        relay.close()
        await datapath.stop()
      })

      it("is never made among the daemon's own interfaces, whatever its path has come to lead to", async () => {
        for (const namespace of ['/proc/self/ns/net', `/proc/${process.pid}/ns/net`]) {
          await assert.rejects(fabric.addPort({ ...PORT, namespace }), { code: 'SANDBOX_ENDED' })
        }
        assert.doesNotMatch(interfaces(), /tap7/)
      })

      it('is made in its own namespace', async () => {
        const namespace = new NetworkNamespace()
        try {
          await fabric.addPort({ ...PORT, namespace: namespace.path })
          assert.equal(namespace.link('tap7')?.ifname, 'tap7')
          assert.doesNotMatch(interfaces(), /tap7/)
          await fabric.removePort(PORT.port)
        } finally {
          namespace.remove()
        }
      })
    })
  },
  needsTap(),
)
