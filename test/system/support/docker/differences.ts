/**
 * Where our answer is meant to be another one than that of the recorded Docker, and why. An entry is for every command that its pattern
 * matches; one that is no longer needed fails the test.
 */

import type { Answer } from './recording.ts'

export interface Difference {
  readonly scenario: string
  /** The whole command line, as recorded. */
  readonly command: RegExp
  readonly why: string
  /** What we answer, as far as it is different. */
  readonly ours:
    | {
        readonly code?: number
        readonly message?: string | RegExp
        readonly stdout?: string | RegExp
      }
    | 'skip'
}

/** Applied to Docker's sentences before they are compared. */
export const REWORDED: readonly (readonly [RegExp, string])[] = [
  // Where Docker 28 and the Docker of 2026 differ, ours is the newer one.
  [/no configured subnet or ip-range contain the IP address/g, 'no configured subnet contains IP address'],
  [
    /user specified IP address is supported on user defined networks only/g,
    'user-specified IP address is supported on user-defined networks only',
  ],
  [/user specified IP address is supported only when/g, 'user-specified IP address is supported only when'],
  [/^Invalid (containerPort|hostPort|proto)/gm, 'invalid $1'],
  [/^Invalid ip address/gm, 'invalid IP address'],
  [/^Invalid ranges specified/gm, 'invalid ranges specified'],
  [/^No port specified/gm, 'no port specified'],
  // Which of the two families Docker names, where both are asked for, depends on its version.
  [/Bind for :::(\d+) failed/g, 'Bind for 0.0.0.0:$1 failed'],
  // Types of Docker's program.
  [/^Error parsing format: template:/gm, 'template parsing error: template:'],
  [/can't evaluate field (\w+) in type \S+/g, 'map has no entry for key "$1"'],
  // The steps of Docker's runtime, which we have none of.
  [
    /^(?:failed to create task for container: failed to create shim task: )?OCI runtime (?:create|exec) failed: (?:runc create|exec) failed: unable to start container process: (?:error during container init: )?(.*): unknown$/gm,
    '$1',
  ],
]

/** A name of a network becomes a file's, a label's and an argument's part: we take only what is good for that. */
const NETWORK_NAME = 'network names are those that sandboxes have, too'

/** Docker makes the sandbox and finds out at its start; we find out when it is made, and leave nothing. */
const AT_ONCE = 'what cannot work is refused at once and leaves nothing'

const RESTING = 'an address that was released rests before another one gets it'

const DEFAULT_POOLS = 'a default pool is as good for a static address as a subnet that was asked for'

const NO_INIT = 'the command is no process 1, which signals do not end'

const PROGRAMS = "programs are the machine's own, and their errors are no output"

/** Actions of a list of events, one a line; `+` is for one or more of them, `?` for one or none. */
function eventLines(...actions: readonly (readonly string[])[]): RegExp {
  const lines = actions.flat().map((action) => {
    const [, name, times] = /^(.*?)([+?]?)$/.exec(action)!
    return `(?:[^\\n]*(?:container|network) ${name} [^\\n]+(?:\\n|$))${times}`
  })
  return new RegExp(`^${lines.join('')}$`)
}

export const DIFFERENCES: readonly Difference[] = [
  {
    scenario: 'network-create-errors',
    command:
      /^network create (?:with blank|with\/slash|\.\.|\.hidden|-- -dash|_low|ünder|semi;colon|new\nline|x{300}|container:x)$/,
    why: NETWORK_NAME,
    ours: { code: 1, message: /invalid/i, stdout: '' },
  },
  {
    scenario: 'network-create-errors',
    command: /^network inspect -f \{\{\.Name\}\} x+$/,
    why: NETWORK_NAME,
    ours: { code: 1, message: /not found$/, stdout: '' },
  },
  {
    scenario: 'network-create-errors',
    command: /^network ls --format/,
    why: NETWORK_NAME,
    ours: {
      code: 0,
      stdout: [
        'bridge\ncontainer\nfirst\nhost\nnone\nsecond\ntwice\nx-aux-one-name\nx-option-without-key',
        'x-option-without-value\nx-six-without-flag\nx-unknown-option',
      ].join('\n'),
    },
  },
  {
    scenario: 'network-create-errors',
    command: /^network inspect x-six-without-flag$/,
    why: 'a subnet of IPv6 is not kept where there is no IPv6',
    ours: {
      code: 0,
      stdout: /"Config": \[\s*\{\s*"Subnet": "172\.\d+\.0\.0\/16",\s*"Gateway": "[^"]+"\s*\}\s*\]/,
    },
  },
  {
    scenario: 'network-create-errors',
    command: /driver\.mtu=(?:10|100000) /,
    why: AT_ONCE,
    ours: {
      code: 1,
      message: /^failed to parse com\.docker\.network\.driver\.mtu value: \d+ \(must be from /,
    },
  },
  {
    scenario: 'network-create-errors',
    command: /bridge\.name=waytoolongforaninterface/,
    why: AT_ONCE,
    ours: {
      code: 1,
      message: /bridge\.name value: waytoolongforaninterface \(not the name of an interface\)$/,
    },
  },
  {
    scenario: 'network-create-errors',
    command: /^run -d --name on-conf /,
    why: AT_ONCE,
    ours: { code: 125, message: 'cannot create endpoint on configuration-only network', stdout: '' },
  },
  {
    scenario: 'network-create',
    command: /^network inspect sized$/,
    why: 'a subnet of which only the size was asked for is shown as it is',
    ours: { code: 0, stdout: /"Subnet": "172\.\d+\.0\.0\/24",\s*"Gateway": "172\.\d+\.0\.1"/ },
  },
  {
    scenario: 'network-create',
    command: /--subnet ::\/64 sized-six$/,
    why: 'the size of a subnet may be asked for of IPv6 as well',
    ours: { code: 0, stdout: /^[\da-f]{64}$/ },
  },
  {
    scenario: 'network-create',
    command: /^network inspect scoped$/,
    why: 'a subnet of which only the size was asked for comes out of the default pools, so the next one is another',
    ours: { code: 0, stdout: /"Subnet": "172\.25\.0\.0\/16"/ },
  },
  {
    scenario: 'network-create',
    command: /^network create --scope (?:swarm x4|nosuch x5)$/,
    why: 'there is no swarm, and no other scope that a network could have',
    ours: { code: 1, message: /^the driver bridge has no networks of the scope (?:swarm|nosuch)$/ },
  },
  {
    scenario: 'network-inspect',
    command: /\{\{\.ConfigFrom\}\} red$/,
    why: "structures are printed as maps, with their fields' names",
    ours: { code: 0, stdout: 'map[] map[] false map[Network:]' },
  },
  {
    scenario: 'network-ls',
    command: /^network ls -f dangling=(?:true|1)$/,
    why: "Docker's lists know nothing of members, and so it takes a network that is in use for one that is not",
    ours: { code: 0, stdout: /^(?!.* alpha )NETWORK ID.* beta .* two-labels .*$/s },
  },
  {
    scenario: 'network-ls',
    command: /^network ls -f dangling=false$/,
    why: "Docker's lists know nothing of members, and so it takes a network that is in use for one that is not",
    ours: { code: 0, stdout: /^NETWORK ID.* alpha .* bridge .* host .* none [^\n]*$/s },
  },
  {
    scenario: 'network-connect',
    command: /^inspect --format \{\{json\.Net/,
    why: 'a blank that is missing is told where it is missing',
    ours: { code: 64, message: /unexpected "\.NetworkSettings" in operand$/ },
  },
  {
    scenario: 'network-connect',
    command: /^inspect --format \{\{range \$n, \$e := \.NetworkSettings\.Networks\}\}/,
    why: RESTING,
    ours: {
      code: 0,
      stdout: /^(?:blue 10\.61\.0\.2;red 10\.60\.0\.2;|green 172\.18\.0\.3;red 10\.60\.0\.2;)$/,
    },
  },
  {
    scenario: 'files-and-routes',
    command: /^exec c3 cat \/etc\/hosts$/,
    why: RESTING,
    ours: {
      code: 0,
      stdout:
        /^::1\tlocalhost ip6-localhost ip6-loopback\n.*^10\.95\.0\.3\t[\da-f]{12}\nfd00:95::3\t[\da-f]{12}$/ms,
    },
  },
  {
    scenario: 'files-and-routes',
    command: /^exec c4 cat \/etc\/resolv\.conf$/,
    why: 'names are asked for at the gateway, where the question is on the wire',
    ours: { code: 0, stdout: /^nameserver 10\.92\.0\.1\nsearch a\.test b\.test\noptions ndots:3$/m },
  },
  {
    scenario: 'files-and-routes',
    command: /^exec c5 cat \/etc\/resolv\.conf$/,
    why: 'there is one way to make the file, and no older one',
    ours: { code: 0, stdout: /^nameserver 9\.9\.9\.9\nsearch a\.test\noptions timeout:1$/m },
  },
  {
    scenario: 'files-and-routes',
    command: /^run -d --name c9 /,
    why: AT_ONCE,
    ours: {
      code: 125,
      message: /ifname value: waytoolongforaninterface \(not the name of an interface\)$/,
      stdout: '',
    },
  },
  {
    scenario: 'ipam-addresses',
    command: /^run -d --name a1 /,
    why: DEFAULT_POOLS,
    ours: { code: 0, stdout: /^[\da-f]{64}$/ },
  },
  {
    scenario: 'ipam-addresses',
    command: /^ps -a/,
    why: DEFAULT_POOLS,
    ours: { code: 0, stdout: /^(?:a2-running\na1-running\ng8-created\n|t2-created\nt1-running$)/ },
  },
  {
    scenario: 'modes',
    command: /^run -d --name x1 --network nosuch /,
    why: AT_ONCE,
    ours: { code: 125, message: 'network nosuch not found', stdout: '' },
  },
  {
    scenario: 'modes',
    command: /^ps -a --filter name=x1 /,
    why: AT_ONCE,
    ours: { code: 0, stdout: '' },
  },
  {
    scenario: 'modes',
    command: /^run -d --name x2 --network container:nosuch /,
    why: AT_ONCE,
    ours: { code: 125, message: 'No such container: nosuch', stdout: '' },
  },
  {
    scenario: 'modes',
    command: /^run -d --name x(?:15|23) .* --mac-address /,
    why: 'there is no interface that could have the address',
    ours: { code: 125, message: 'conflicting options: mac-address and the network mode', stdout: '' },
  },
  {
    scenario: 'modes',
    command: /^run -d --name x30 /,
    why: DEFAULT_POOLS,
    ours: { code: 0, stdout: /^[\da-f]{64}$/ },
  },
  {
    scenario: 'modes',
    command: /^inspect .* x30$/,
    why: DEFAULT_POOLS,
    ours: { code: 0, stdout: /"IPAddress":"172\.18\.0\.99"/ },
  },
  {
    scenario: 'modes',
    command: /^ps -a --format /,
    why: AT_ONCE,
    ours: {
      code: 0,
      stdout: [
        'x38-running\nx30-running\nx25-running\nx24-running\nx21-running\nx20-running\nx3-created',
        'stopped-created\ntwo-running\nsharer-exited\nlonely-running\nhosty-running',
      ].join('\n'),
    },
  },
  {
    scenario: 'events',
    command: /^events --since @START --until @NOW --filter nosuch=1$/,
    why: 'a filter that there is none of is a slip',
    ours: { code: 1, message: "invalid filter 'nosuch'" },
  },
  {
    scenario: 'events',
    command: /^events --since @START --until @NOW(?: --format \{\{\.Type\}\} .*)?$/,
    why: NO_INIT,
    // The end by SIGUSR1 and the stop that follows race, and so do the stop signal and SIGKILL at once.
    ours: {
      code: 0,
      stdout: eventLines(
        ['create', 'create', 'attach', 'connect', 'start', 'disconnect', 'die', 'destroy'],
        ['create', 'connect', 'start', 'connect', 'exec_create: true', 'exec_start: true', 'exec_die'],
        ['rename', 'disconnect', 'kill+', 'disconnect', 'stop?', 'die', 'connect', 'start', 'restart'],
        ['kill+', 'disconnect', 'stop', 'die', 'destroy', 'destroy'],
      ),
    },
  },
  {
    scenario: 'lifecycle',
    command: /^logs --tail 1 talker$/,
    why: 'which of two streams is read first is chance',
    ours: { code: 0, stdout: /^(?:|three)$/ },
  },
  {
    scenario: 'ps',
    command: /LocalVolumes/,
    why: 'there are no volumes',
    ours: { code: 1, message: /map has no entry for key "LocalVolumes"$/ },
  },
  {
    scenario: 'run-errors',
    command: /^run$/,
    why: 'a sandbox without a command is idle',
    ours: { code: 0, stdout: /^[\da-f]{64}$/ },
  },
  {
    scenario: 'run-errors',
    command: /^run -d --name x{300} /,
    why: 'names become labels of DNS, which have at most 63 characters',
    ours: { code: 125, message: /it has 300 characters and at most 63 are allowed$/, stdout: '' },
  },
  {
    scenario: 'run-errors',
    command: /^run -d --hostname (?:x{300}|a b) /,
    why: AT_ONCE,
    ours: {
      code: 125,
      message: /^invalid hostname(?:: 300 characters, at most 64 are possible| format: a b)$/,
      stdout: '',
    },
  },
  {
    scenario: 'run-errors',
    command: /^run -d (?:-p 80:0|--expose 80\/icmp|-p target=80,nosuch=1) /,
    why: 'what cannot be published, or is not understood, is refused',
    ours: { code: 125, message: /^invalid (?:containerPort: 0|proto: icmp|field key: nosuch)$/, stdout: '' },
  },
  {
    scenario: 'run-errors',
    command: /^run -d --name (?:multicast|zero)-mac /,
    why: AT_ONCE,
    ours: {
      code: 125,
      message: /is not a valid mac address: (?:it is a multicast address|no station has it)$/,
      stdout: '',
    },
  },
  {
    scenario: 'run-errors',
    command: /^ps -a --filter name=-mac /,
    why: AT_ONCE,
    ours: { code: 0, stdout: '' },
  },
  {
    scenario: 'run-errors',
    command: /^run --rm .* IMAGE env$/,
    why: "the machine's own programs run as its user, and a sandbox knows that it is one",
    ours: {
      code: 0,
      stdout: /^PATH=.*\nHOSTNAME=[\da-f]{12}\nHOME=.+\nA=\nB=1=2\nTAPWIRE_SANDBOX=[\da-f]{12}$/,
    },
  },
  {
    scenario: 'run-errors',
    command: /--restart always/,
    why: 'sandboxes are not restarted by themselves',
    ours: { code: 125, message: /^--restart does not apply: there are no restart policies/ },
  },
  {
    scenario: 'run-errors',
    command: /--cidfile \/nosuch\/folder\/id/,
    why: "127 is the code of a command that is not there, which Docker takes the file's absence for",
    ours: {
      code: 125,
      message: 'failed to create the container ID file: open /nosuch/folder/id: no such file or directory',
    },
  },
  {
    scenario: 'run-exit-codes',
    command: /^run --rm --name n2 IMAGE \/etc$/,
    why: 'a folder is told to be one, as newer runtimes do',
    ours: { code: 126, message: 'exec: "/etc": is a directory' },
  },
  {
    scenario: 'run-exit-codes',
    command: /^inspect .* n4$/,
    why: 'there is no runtime that would put its own words around it',
    ours: { code: 0, stdout: 'created 127 exec: "nosuch-program": executable file not found in $PATH' },
  },
  {
    scenario: 'run-exit-codes',
    command: /-w \/nosuch IMAGE pwd$/,
    why: "folders are the machine's own, and none is made",
    ours: { code: 127, message: 'chdir to cwd ("/nosuch") failed: no such file or directory' },
  },
  {
    scenario: 'run-exit-codes',
    command: /^run --rm IMAGE sh -c kill -9/,
    why: NO_INIT,
    ours: { code: 137 },
  },
  {
    scenario: 'run-exit-codes',
    command: /^run --rm IMAGE sh -c kill -15/,
    why: NO_INIT,
    ours: { code: 143 },
  },
  {
    scenario: 'run-exit-codes',
    command: /^exec up nosuch-program$/,
    why: PROGRAMS,
    ours: { code: 127, message: 'exec: "nosuch-program": executable file not found in $PATH', stdout: '' },
  },
  {
    scenario: 'run-exit-codes',
    command: /^exec up \/etc$/,
    why: PROGRAMS,
    ours: { code: 126, message: 'exec: "/etc": is a directory', stdout: '' },
  },
  {
    scenario: 'run-exit-codes',
    command: /^exec -w \/nosuch up pwd$/,
    why: PROGRAMS,
    ours: { code: 127, message: 'chdir to cwd ("/nosuch") failed: no such file or directory', stdout: '' },
  },
]

/** Scenarios and commands whose answers concern what we have not: nothing is asked of us. */
export const NOT_OURS: readonly RegExp[] = [
  /^ps .*(?:ancestor=|-s$)/,
  /^inspect -s /,
  /^(?:stats|top) /,
  /^network create .*-d (?:overlay|macvlan|ipvlan)\b/,
  /^network inspect mac1$/,
]

export const meets = (answer: Answer, message: string, { ours }: Difference): boolean => {
  if (ours === 'skip') return true
  const same = (text: string, wanted: string | RegExp | undefined): boolean =>
    wanted === undefined ||
    wanted === 'any' ||
    (typeof wanted === 'string' ? text === wanted : wanted.test(text))
  return (
    (ours.code ?? answer.code) === answer.code &&
    same(message, ours.message) &&
    same(answer.stdout.trim(), ours.stdout)
  )
}
