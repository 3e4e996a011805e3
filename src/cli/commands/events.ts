import type { Command } from 'commander'
import type { Event } from '../../control/api/system.ts'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { parseMoment } from '../format/time.ts'
import { untilInterrupted } from '../interrupt.ts'
import { collect, examples, filtersOf } from '../options.ts'
import { printable } from '../output.ts'

interface EventsOptions {
  readonly filter?: readonly string[]
  readonly format?: string
  readonly since?: string
  readonly until?: string
}

export function defineEvents(command: Command, cli: Cli): void {
  command
    .description('Shows what happens to networks and sandboxes, as it happens, until Ctrl-C.')
    .option('-f, --filter <key=value>', 'type, event, container, network, label, …', collect)
    .option('--format <format>', "'json' or a Go template")
    .option('--since <time>', 'begin with those that were since then: 2026-01-02T13:23:37Z, or 42m')
    .option('--until <time>', 'end with those that were until then')
    .addHelpText(
      'after',
      examples(
        'tapwire events',
        'tapwire events --since 10m --until 0s',
        "tapwire events --filter type=container --format '{{.Action}} {{.Actor.Attributes.name}}'",
      ),
    )
    .action((options: EventsOptions) => showEvents(cli, options))
}

async function showEvents(cli: Cli, { filter, format, since, until }: EventsOptions): Promise<void> {
  const now = Date.now()
  await untilInterrupted(cli, async (signal) => {
    const print = await printerOf(format)
    const events = apiClient(cli).events<Event>('/events', {
      query: {
        since: since === undefined ? undefined : parseMoment(since, now),
        until: until === undefined ? undefined : parseMoment(until, now),
        filters: filtersOf(filter),
      },
      signal,
    })
    for await (const event of events) cli.stdout.write(`${print(event)}\n`)
  })
}

async function printerOf(format: string | undefined): Promise<(event: Event) => string> {
  if (format === undefined || format === '') return formatEvent
  if (format === 'json') return (event) => JSON.stringify(event)
  const { Template } = await import('../format/template.ts')
  const template = new Template(format, { maps: new Set(['Attributes']), exitCode: 64 })
  return (event) => template.execute(contextOf(event))
}

/** `2026-01-02T15:04:05.000000000Z network connect ID (container=…, name=…)` */
function formatEvent({ Type, Action, Actor, time, timeNano }: Event): string {
  const attributes = Object.entries(Actor.Attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
  const list = attributes.length === 0 ? '' : ` (${attributes.join(', ')})`
  return printable(`${timeOf(time, timeNano)} ${Type} ${Action} ${Actor.ID}${list}`)
}

function timeOf(time: number, timeNano: number): string {
  // timeNano is beyond what a number holds exactly; what is left of its last three digits is no information.
  const micros = Math.floor(timeNano / 1000) - time * 1e6
  const seconds = new Date(time * 1000).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)
  return `${seconds}.${String(Math.max(0, micros)).padStart(6, '0')}000Z`
}

/** With the names that the fields have in docker's templates. */
function contextOf(event: Event): Record<string, unknown> {
  const { Type, Action, Actor, scope, time, timeNano } = event
  return {
    Type,
    Action,
    Actor,
    Scope: scope,
    Time: time,
    TimeNano: timeNano,
    ID: Actor.ID,
    Status: Action,
    toJSON: () => event,
  }
}
