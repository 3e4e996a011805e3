/** Options of `docker run` that a sandbox has no use for: they are known, so that what is said of them is not "unknown". */
import { type Command, Option } from 'commander'
import { EXIT_BAD_OPTION } from '../cli.ts'
import { usage } from '../options.ts'

interface Group {
  readonly options: readonly string[]
  /** Completes "--volume does not apply: ". */
  readonly why: string
  readonly hint?: string
}

const GROUPS: readonly Group[] = [
  {
    options: [
      '-v, --volume <volume>',
      '--mount <mount>',
      '--tmpfs <tmpfs>',
      '--volumes-from <sandbox>',
      '--volume-driver <driver>',
      '--read-only',
      '--device <device>',
      '--gpus <gpus>',
      '--storage-opt <option>',
    ],
    why: "a sandbox is one of this machine's programs, and sees this machine's files and devices.",
    hint: '-w FOLDER is where the command runs.',
  },
  {
    options: [
      '--privileged',
      '--cap-add <capability>',
      '--cap-drop <capability>',
      '--security-opt <option>',
      '-u, --user <user>',
      '--group-add <group>',
      '--userns <namespace>',
    ],
    why: "a sandbox is one of this machine's programs, and runs with the daemon's rights.",
    hint: 'setpriv(1) gives rights away: tapwire run setpriv --reuid nobody --clear-groups COMMAND.',
  },
  {
    options: [
      '-m, --memory <bytes>',
      '--memory-swap <bytes>',
      '--memory-reservation <bytes>',
      '--cpus <number>',
      '-c, --cpu-shares <number>',
      '--cpuset-cpus <cpus>',
      '--pids-limit <number>',
      '--ulimit <limit>',
      '--shm-size <bytes>',
      '--oom-kill-disable',
    ],
    why: "a sandbox is one of this machine's programs, and Tapwire limits nothing but its network.",
    hint: 'prlimit(1) or taskset(1) in front of the command does.',
  },
  {
    options: [
      '--entrypoint <program>',
      '--pull <policy>',
      '--platform <platform>',
      '--init',
      '--runtime <runtime>',
      '--health-cmd <command>',
      '--no-healthcheck',
    ],
    why: "a sandbox is one of this machine's programs, and has no image.",
    hint: 'Write the program and its arguments: tapwire run sleep 10.',
  },
  {
    options: ['--pid <namespace>', '--ipc <namespace>', '--uts <namespace>', '--cgroupns <namespace>'],
    why: "a sandbox has a network, mounts and a host name of its own, and shares the machine's processes.",
  },
]

/** Adds them all, or those that are named; each fails with a sentence. */
export function refuseDockerOptions(command: Command, names?: readonly string[]): Command {
  for (const { options, why, hint } of GROUPS) {
    for (const flags of options) {
      const option = new Option(flags).hideHelp()
      if (names !== undefined && !names.includes(option.name())) continue
      command.addOption(option)
      command.on(`option:${option.name()}`, () => {
        throw usage(`${option.long} does not apply: ${why}`, hint, EXIT_BAD_OPTION)
      })
    }
  }
  return command
}

/** `--restart no` is what a sandbox does. */
export function refuseRestartPolicy(command: Command): Command {
  command.addOption(new Option('--restart <policy>').hideHelp())
  return command.on('option:restart', (policy: string) => {
    if (policy === 'no' || policy === '') return
    throw usage(
      '--restart does not apply: there are no restart policies; a sandbox that has ended stays so.',
      'Start it again with `tapwire start`, or write a loop: tapwire run sh -c "while :; do COMMAND; done".',
      EXIT_BAD_OPTION,
    )
  })
}
