import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './program.ts'

export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
}

/** Certificates of a test's own, and authorities that sign them; made by openssl. */
export class Certificates {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tapwire-certificates-'))

  path(name: string): string {
    return join(this.#folder, name)
  }

  authority(name: string): Promise<CertificateFiles> {
    return this.#make(name, '-days', '2')
  }

  /** `names` as OpenSSL has them: `IP:127.0.0.1,DNS:localhost`. */
  signed(name: string, by: CertificateFiles, names: string, days = 2): Promise<CertificateFiles> {
    const extension = ['-addext', `subjectAltName=${names}`, '-addext', 'basicConstraints=critical,CA:FALSE']
    return this.#make(name, '-days', String(days), '-CA', by.certificate, '-CAkey', by.key, ...extension)
  }

  write(name: string, text: string): string {
    writeFileSync(this.path(name), text)
    return this.path(name)
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #make(name: string, ...args: readonly string[]): Promise<CertificateFiles> {
    const files = { certificate: this.path(`${name}.pem`), key: this.path(`${name}.key`) }
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    const where = ['-keyout', files.key, '-out', files.certificate, '-subj', `/CN=${name}`]
    await run({}, 'openssl', 'req', '-x509', ...curve, ...where, ...args)
    return files
  }
}
