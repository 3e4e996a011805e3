/** Where two JSON texts differ, by path, as far as a sandbox is to be what a container is. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A text without the JSON values in it, objects and lists, and these. */
export interface SplitText {
  readonly text: string
  readonly documents: readonly Json[]
}

export function splitJson(text: string): SplitText {
  const found: Json[] = []
  let rest = ''
  for (let at = 0; at < text.length; at++) {
    const end = '[{'.includes(text[at]!) ? endOfJson(text, at) : undefined
    const document = end === undefined ? undefined : parsed(text.slice(at, end))
    if (document === undefined) {
      rest += text[at]
      continue
    }
    found.push(document)
    rest += '<json>'
    at = end! - 1
  }
  return { text: rest, documents: found }
}

/** Behind the bracket that closes the one at `start`. */
function endOfJson(text: string, start: number): number | undefined {
  const tokens = /"(?:[^"\\]|\\.)*"|[[\]{}]/gs
  tokens.lastIndex = start
  let depth = 0
  for (let token = tokens.exec(text); token !== null; token = tokens.exec(text)) {
    if (token[0] === '[' || token[0] === '{') depth++
    else if ((token[0] === ']' || token[0] === '}') && --depth === 0) return tokens.lastIndex
  }
  return undefined
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/**
 * Keys that only one of them has, by the path of the object, in which `*` stands for any index or key. Everything else has to be
 * there on both sides.
 */
const DOCKER_ALONE: Readonly<Record<string, readonly string[]>> = {
  // Of images, storage and resources.
  container: ['Image', 'Driver', 'Platform', 'MountLabel', 'ProcessLabel', 'AppArmorProfile', 'ExecIDs']
    .concat(['GraphDriver', 'Mounts', 'RestartCount', 'ImageManifestDescriptor', 'SizeRw', 'SizeRootFs'])
    .concat(['Storage']),
  'container.State': ['Paused', 'Restarting', 'OOMKilled', 'Dead'],
  'container.Config': ['User', 'AttachStdin', 'AttachStdout', 'AttachStderr', 'StdinOnce', 'Image']
    // MacAddress repeats that of the endpoint.
    .concat(['Volumes', 'Entrypoint', 'OnBuild', 'MacAddress']),
  // Repeats the endpoint on the default bridge; left out by the next version of Docker's API.
  'container.NetworkSettings': ['Bridge', 'HairpinMode', 'LinkLocalIPv6Address', 'LinkLocalIPv6PrefixLen']
    .concat(['SecondaryIPAddresses', 'SecondaryIPv6Addresses', 'EndpointID', 'Gateway'])
    .concat(['GlobalIPv6Address', 'GlobalIPv6PrefixLen', 'IPAddress', 'IPPrefixLen', 'IPv6Gateway'])
    .concat(['MacAddress']),
  // Rows of `ps`.
  ps: ['Image', 'LocalVolumes', 'Mounts', 'Platform', 'Size'],
  // There is no bridge on the machine that could have a name.
  'network.Options': ['com.docker.network.bridge.name'],
}

/** Settings of a container's host that a sandbox has none of are too many to list: only ours are compared. */
const OURS_DECIDE: ReadonlySet<string> = new Set(['container.HostConfig'])

const OURS_ALONE: Readonly<Record<string, readonly string[]>> = {
  // Of Docker's API 1.52 and later.
  network: ['Status'],
  // What the default route is due to, and interfaces' names.
  'container.NetworkSettings': ['DefaultRoute'],
  'container.NetworkSettings.Networks.*': ['InterfaceName'],
  endpoint: ['InterfaceName'],
  'endpoints.*': ['InterfaceName'],
  // The defaults are told as well.
  'container.Config': ['StopSignal', 'StopTimeout'],
  // What a reader who was cut off goes on behind.
  event: ['Id'],
}

/** Where Docker has nothing and a sandbox something. */
const OURS_FILLS: readonly RegExp[] = [
  // Where the caller is; an image decides it for a container.
  /^container\.Config\.WorkingDir$/,
  // Docker looks a network up when its container first starts.
  /^(?:endpoints|container\.NetworkSettings\.Networks)\.[^.]+\.(?:NetworkID|DNSNames)$/,
]

/** Always written by Docker's Go code as null or as empty, by chance of how it was made. */
const EMPTY_IS_NULL = /^(?:container\.(?:Config|HostConfig)\.|.*\b(?:IPAMConfig|Aliases|DriverOpts|Links)$)/

/** Differences, each a line with the path and both values. `kind` is what the document describes. */
export function jsonDifferences(docker: Json, ours: Json): string[] {
  const found: string[] = []
  compare(kindOf(docker), docker, ours)
  return found

  function compare(path: string, theirs: Json, own: Json): void {
    if (isRecord(theirs) && isRecord(own)) return compareRecords(path, theirs, own)
    if (Array.isArray(theirs) && Array.isArray(own) && theirs.length === own.length) {
      theirs.forEach((one, index) => compare(oneOf(path, one), one as Json, own[index] as Json))
      return
    }
    if (EMPTY_IS_NULL.test(path) && isEmpty(theirs) && isEmpty(own)) return
    if (isEmpty(theirs) && OURS_FILLS.some((pattern) => pattern.test(path))) return
    // Docker's network sandbox has an id of its own.
    if (path === 'container.NetworkSettings.SandboxID' && !isEmpty(theirs) && !isEmpty(own)) return
    if (path.endsWith('.Pid') && Number(theirs) > 0 && Number(own) > 0) return
    if (JSON.stringify(theirs) !== JSON.stringify(own))
      found.push(`${path}: docker ${JSON.stringify(theirs)}, tapwire ${JSON.stringify(own)}`)
  }

  function compareRecords(path: string, theirs: Record<string, Json>, own: Record<string, Json>): void {
    const generic = path.replace(/(\.Networks|^endpoints)\.[^.]+$/, '$1.*')
    for (const key of Object.keys(theirs)) {
      if (key in own) compare(`${path}.${key}`, theirs[key]!, own[key]!)
      else if (!OURS_DECIDE.has(generic) && !(DOCKER_ALONE[generic] ?? []).includes(key))
        found.push(`${path}: docker alone has ${key} = ${JSON.stringify(theirs[key])}`)
    }
    for (const key of Object.keys(own))
      if (!(key in theirs) && !(OURS_ALONE[generic] ?? []).includes(key))
        found.push(`${path}: tapwire alone has ${key} = ${JSON.stringify(own[key])}`)
  }
}

/** What kind of document this is, by the keys that only such have; a path begins with it. */
function kindOf(document: Json): string {
  const one = Array.isArray(document) ? (document[0] as Json | undefined) : document
  if (!isRecord(one)) return 'value'
  if ('NetworkSettings' in one) return 'container'
  if ('IPAM' in one) return 'network'
  if ('EndpointID' in one) return 'endpoint'
  if ('RunningFor' in one) return 'ps'
  if ('Actor' in one) return 'event'
  const first = Object.values(one)[0]
  return isRecord(first) && 'EndpointID' in first ? 'endpoints' : 'object'
}

/** Elements of a list of documents go by the document's kind. */
const oneOf = (path: string, one: Json): string =>
  ['container', 'network'].includes(path) ? kindOf(one) : `${path}.*`

const isRecord = (value: Json | undefined): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isEmpty = (value: Json): boolean =>
  value === null ||
  value === '' ||
  (Array.isArray(value) && value.length === 0) ||
  (isRecord(value) && Object.keys(value).length === 0)
