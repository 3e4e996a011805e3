/**
 * How ports of services are published, in the syntax of -p. The texts are Docker's.
 *
 *     5000:80[/tcp|udp]
 *     published=5000,target=80[,protocol=tcp|udp][,mode=ingress|host]
 */

import type { ServicePortConfig } from '../api/service.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { printable } from './names.ts'
import { parsePublish } from './publish.ts'

/** One -p. Throws PORT_INVALID. */
export function parseServicePublish(spec: string): readonly ServicePortConfig[] {
  return spec.includes('=') ? [longForm(spec)] : shortForm(spec)
}

function shortForm(spec: string): readonly ServicePortConfig[] {
  return parsePublish(spec).map(({ containerPort, protocol, hostIp, hostPort }) => {
    if (hostIp !== '') throw invalid('hostip is not supported')
    if (hostPort.includes('-')) throw invalid(`invalid hostPort: ${hostPort}`)
    return {
      Protocol: protocol,
      TargetPort: containerPort,
      PublishedPort: Number(hostPort),
      PublishMode: 'ingress',
    }
  })
}

function longForm(spec: string): ServicePortConfig {
  const port: { -readonly [Key in keyof ServicePortConfig]: ServicePortConfig[Key] } = {
    Protocol: 'tcp',
    TargetPort: 0,
    PublishedPort: 0,
    PublishMode: 'ingress',
  }
  for (const field of spec.split(',')) {
    const [, key = '', value = ''] = /^([^=]+)=(.*)$/s.exec(field) ?? []
    if (key === '') throw invalid(`invalid field: ${printable(field)}`)
    setField(port, key.toLowerCase(), value.toLowerCase())
  }
  if (port.TargetPort === 0) throw invalid("missing mandatory field 'target'")
  return port
}

function setField(
  port: { -readonly [Key in keyof ServicePortConfig]: ServicePortConfig[Key] },
  key: string,
  value: string,
): void {
  switch (key) {
    case 'protocol':
      if (value !== 'tcp' && value !== 'udp' && value !== 'sctp')
        throw invalid(`invalid protocol value '${printable(value)}'`)
      port.Protocol = value
      return
    case 'mode':
      if (value !== 'ingress' && value !== 'host')
        throw invalid(`invalid publish mode value (${printable(value)}): must be either 'ingress' or 'host'`)
      port.PublishMode = value
      return
    case 'target':
      port.TargetPort = portNumber('target', value)
      return
    case 'published':
      port.PublishedPort = portNumber('published', value)
      return
    default:
      throw invalid(`invalid field key: ${printable(key)}`)
  }
}

function portNumber(what: string, text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535 && (what === 'published' || port > 0)) return port
  throw invalid(`invalid ${what} port (${printable(text)}): value must be an integer`)
}

/** `80`, `80/udp`: the target port of --publish-rm. Throws PORT_INVALID. */
export function parseServiceTarget(spec: string): Pick<ServicePortConfig, 'Protocol' | 'TargetPort'> {
  const [port = '', protocol = 'tcp'] = spec.split('/', 2)
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')
    throw invalid(`invalid protocol value '${printable(protocol)}'`)
  return { Protocol: protocol, TargetPort: portNumber('target', port) }
}

const invalid = (message: string): TapwireError => new TapwireError(ErrorCode.portInvalid, message)
