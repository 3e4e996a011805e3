/** Certificates and keys of a connection to the registry, from files that may be renewed while the daemon runs. */

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { ClusterFiles } from '../../control/cluster/cluster-options.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'

export class TlsFiles {
  readonly #files: ClusterFiles
  #options: SecureContextOptions
  #stale = false

  /** Throws CLUSTER_INVALID, which names the file. */
  constructor(files: ClusterFiles) {
    this.#files = files
    this.#options = read(files)
  }

  options(): SecureContextOptions {
    if (this.#stale) this.#refresh()
    return this.#options
  }

  /** A connection has failed: the files may be others now. */
  maybeRenewed(): void {
    this.#stale = true
  }

  /** While somebody is just writing them, what was read before holds. */
  #refresh(): void {
    try {
      this.#options = read(this.#files)
      this.#stale = false
    } catch (error) {
      if (!(error instanceof TapwireError)) throw error
    }
  }
}

function read({ ca, certificate, key }: ClusterFiles): SecureContextOptions {
  if ((certificate === undefined) !== (key === undefined))
    throw invalid('a certificate of this host takes its key, and a key its certificate', PAIR_HINT)
  const options = {
    ...(ca === undefined ? {} : { ca: certificateFile(ca) }),
    ...(certificate === undefined ? {} : { cert: certificateFile(certificate), key: textOf(key!) }),
  }
  checkKey(options, key)
  return options
}

const PAIR_HINT = 'Give both --cluster-cert FILE and --cluster-key FILE.'

function certificateFile(path: string): string {
  const text = textOf(path)
  if (!isCertificate(text)) throw invalid(`${path} has no certificate in PEM form`)
  return text
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).subject !== undefined
  } catch {
    return false
  }
}

function checkKey(options: SecureContextOptions, key: string | undefined): void {
  try {
    createSecureContext(options)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw invalid(
      code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH'
        ? `the key in ${key} is not that of the certificate`
        : `${key} has no private key in PEM form, or one with a passphrase`,
    )
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw invalid(`${path} cannot be read: ${(cause as Error).message}`)
  }
}

const invalid = (why: string, hint?: string): TapwireError =>
  new TapwireError(ErrorCode.clusterInvalid, `The files of the cluster's registry cannot be used: ${why}.`, {
    hint,
  })
