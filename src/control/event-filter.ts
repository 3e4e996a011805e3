import type { Event } from './api/system.ts'
import type { Filters } from './control-plane.ts'
import { conjunction, hasLabels } from './views/list-filters.ts'

/**
 * container, daemon, endpoint, event, lab, label, link, network, scope, service, type: all of them have to let an event pass. Throws FILTER_INVALID for
 * another one. `network=red` lets pass what happened to the network, by its name or the beginning of its id.
 */
export function eventFilter(filters: Filters): (event: Event) => boolean {
  return conjunction<Event>(filters, {
    container: actor('container'),
    daemon: actor('daemon'),
    endpoint: actor('endpoint'),
    lab: actor('lab'),
    link: actor('link'),
    network: actor('network'),
    // `exec_create` stands for `exec_create: sh`, which Docker's action says with its command.
    event: (values) => (event) =>
      values.some((value) => event.Action === value || event.Action.startsWith(`${value}:`)),
    label: (values) => (event) => hasLabels(event.Actor.Attributes, values),
    scope: (values) => (event) => values.includes(event.scope),
    service: actor('service'),
    type: (values) => (event) => values.includes(event.Type),
  })
}

/** By the beginning of the id or of the name, as Docker. */
const actor =
  (type: Event['Type']) =>
  (values: readonly string[]) =>
  ({ Type, Actor }: Event): boolean =>
    Type === type &&
    values.some((value) => Actor.ID.startsWith(value) || (Actor.Attributes['name'] ?? '').startsWith(value))
