import { type Command, Option } from 'commander'
import type { Link, LinkSettings, Links } from '../../control/api/link.ts'
import { type ApiClient, apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { printListing } from '../format/listing.ts'
import { LINK_LISTING, linkLines } from '../link-text.ts'
import { examples, FORMAT_HELP, parseInteger, usage } from '../options.ts'
import { printJson } from '../output.ts'
import { forEachPrinted } from '../several.ts'

type Direction = 'from' | 'to' | 'both'

interface SetOptions extends Omit<LinkSettings, 'down'> {
  readonly direction?: Direction
  readonly down?: true
  readonly up?: true
}

const PLACES = `
Places:
  web          the sandbox's link to its network
  web@blue     the same where it is on several networks: the one to blue
  uplink       the way out of all networks

Directions are seen from the place:
  from         what it sends
  to           what it is sent
  both         the two of them, each with the same settings; so 50ms make 100 of a round trip`

const VALUES = `
Values:
  delays       50ms, 1.5s, 200us, always with their unit; up to 10 minutes
  percentages  1%, 0.1%, always with %; of all frames, each by its own chance
  rates        10mbit, 500kbit, 1gbit: bits a second, all headers counted
  0 takes a delay, a percentage or a rate back.`

export function defineLinkSet(command: Command, cli: Cli): void {
  command
    .description(
      'Makes a link worse than it is: late, lossy, slow, or down, until it is reset. Only what is given changes. Sandboxes keep ' +
        'it when they stop and start, and the daemon when it does; disconnecting from the network forgets it.',
    )
    .argument('<place>', 'as below')
    .addOption(directionOption('impair this direction alone'))
    .option('--delay <time>', 'each frame is so late')
    .option('--jitter <time>', 'by how much the delay varies, evenly, to either side')
    .option('--loss <percent>', 'so many frames are dropped')
    .option('--duplicate <percent>', 'so many come twice')
    .option('--reorder <percent>', 'so many go at once, past those that are late; needs --delay')
    .option('--corrupt <percent>', 'so many have one bit turned over')
    .option('--rate <rate>', 'no more than so many bits a second')
    .option(
      '--queue <frames>',
      'so many frames may wait, and those beyond are dropped; 1000 unless given',
      parseInteger,
    )
    .addOption(new Option('--down', 'nothing passes').conflicts('up'))
    .option('--up', 'end --down; all else stays as it was')
    .option(
      '--seed <number>',
      "the same seed, the same frames lost; unless given, the place's name is it",
      parseInteger,
    )
    .addHelpText(
      'after',
      `${PLACES}\n${VALUES}\n${examples(
        'tapwire link set web --delay 50ms --jitter 5ms --loss 1%',
        'tapwire link set web@blue --direction to --rate 10mbit --queue 100',
        'tapwire link set uplink --delay 300ms --rate 2mbit',
        'tapwire link set web --down; sleep 5; tapwire link set web --up',
        'tapwire link set web --loss 0',
      )}`,
    )
    .action((place: string, options: SetOptions) => set(cli, place, options))
}

export function defineLinkShow(command: Command, cli: Cli): void {
  command
    .description(
      'Shows what links do to frames, and how many have passed, were lost and wait, since the link was impaired: all links, or ' +
        'some. FROM is what the place sends, TO what it is sent. OVERFLOWED were dropped since the queue was full.',
    )
    .argument('[place...]', 'web, web@blue or uplink')
    .option('--format <format>', FORMAT_HELP)
    .option('--json', 'print them as JSON')
    .addHelpText(
      'after',
      examples(
        'tapwire link show',
        'tapwire link show web@blue uplink --format wide',
        "tapwire link show --format '{{.Place}} {{.Direction}} {{.Delay}} {{.Lost}}'",
        'tapwire link show web --json | jq .links[0].from.counts',
      ),
    )
    .action((places: string[], options: { format?: string; json?: true }) => show(cli, places, options))
}

export function defineLinkReset(command: Command, cli: Cli): void {
  command
    .description('Lets frames pass as they are. Those that wait on the link go on at once.')
    .argument('[place...]', 'web, web@blue or uplink')
    .addOption(directionOption('reset this direction alone'))
    .option('--all', 'all links')
    .addHelpText(
      'after',
      examples(
        'tapwire link reset web',
        'tapwire link reset web@blue --direction from',
        'tapwire link reset --all',
      ),
    )
    .action((places: string[], options: { all?: true; direction?: Direction }) => reset(cli, places, options))
}

function directionOption(description: string): Option {
  return new Option('--direction <direction>', description).choices(['from', 'to', 'both'])
}

async function set(cli: Cli, place: string, options: SetOptions): Promise<void> {
  const { direction, down, up, ...values } = options
  const settings: LinkSettings = {
    ...values,
    ...(down === true ? { down: true } : undefined),
    ...(up === true ? { down: false } : undefined),
  }
  if (Object.keys(settings).length === 0) {
    throw usage('There is nothing to set.', '`tapwire link set --help` lists what a link can do to frames.')
  }
  const link = await apiClient(cli).post<Link>(pathOf(place), { query: { direction }, body: settings })
  await printListing(cli, LINK_LISTING, linkLines([link]), {})
}

async function show(
  cli: Cli,
  places: readonly string[],
  { format, json }: { readonly format?: string; readonly json?: true },
): Promise<void> {
  const api = apiClient(cli)
  const { links } = places.length === 0 ? await api.get<Links>('/links') : await linksOf(api, places)
  if (json === true) printJson(cli, { links })
  else await printListing(cli, LINK_LISTING, linkLines(links), { format })
}

async function linksOf(api: ApiClient, places: readonly string[]): Promise<Links> {
  const links: Link[] = []
  for (const place of places) links.push(await api.get<Link>(pathOf(place)))
  return { links }
}

async function reset(
  cli: Cli,
  places: readonly string[],
  { all, direction }: { readonly all?: true; readonly direction?: Direction },
): Promise<void> {
  if ((all === true) === places.length > 0) {
    throw usage(
      all === true ? 'Either places or --all.' : 'No place is given.',
      '`tapwire link reset web` is for one, `tapwire link reset --all` for all.',
    )
  }
  const api = apiClient(cli)
  if (all === true) {
    const { links } = await api.delete<Links>('/links', { query: { direction } })
    for (const { place } of links) cli.stdout.write(`${place}\n`)
    return
  }
  await forEachPrinted(cli, places, async (place) => {
    await api.delete<Link>(pathOf(place), { query: { direction } })
  })
}

const pathOf = (place: string): string => `/links/${segment(place)}`
