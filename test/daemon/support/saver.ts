/**
 * Saves models with one more network each time into the folder named first, for as long as it may, and says after each save how
 * many networks are safe. Some saves overlap. The second argument is the count to stop at.
 */

import { FileStore } from '../../../src/daemon/file-store.ts'
import { networkRecord } from '../../control/model/records.ts'

const [directory = '', most = '1000000'] = process.argv.slice(2)
const store = new FileStore(directory)
const networks = [...(store.load()?.networks ?? [])]

async function addNetworks(): Promise<void> {
  while (networks.length < Number(most)) {
    const count = networks.push(networkRecord(networks.length))
    await store.save(() => ({ networks, sandboxes: [], resting: [] }))
    process.stdout.write(`${count}\n`)
  }
}

try {
  await Promise.all([addNetworks(), addNetworks()])
} catch (error) {
  process.stdout.write(`${JSON.stringify(error)}\n`)
}
