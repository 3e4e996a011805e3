/**
 * Stands in for the daemon's program where it examines the machine. FAKE_DAEMON says how it behaves:
 *
 *   (nothing)   all goes well
 *   babble      it prints what is no JSON
 *   sick        it finds something wrong with the machine
 */
import { parseArgs } from 'node:util'
import type { DoctorCheck } from '../../src/control/api/doctor.ts'

// Nobody starts it for anything else.
parseArgs({ options: { doctor: { type: 'boolean' }, root: { type: 'string' } } })

const CHECKS: Readonly<Record<string, readonly DoctorCheck[]>> = {
  well: [
    { name: 'addon', state: 'ok', detail: 'loads' },
    { name: 'io_uring', state: 'warn', detail: 'forbidden here', hint: 'epoll is used in its place.' },
  ],
  sick: [{ name: 'addon', state: 'fail', detail: 'missing', hint: 'Build it.' }],
}

const { FAKE_DAEMON = 'well' } = process.env
process.stdout.write(FAKE_DAEMON === 'babble' ? 'hello\n' : JSON.stringify({ checks: CHECKS[FAKE_DAEMON] }))
