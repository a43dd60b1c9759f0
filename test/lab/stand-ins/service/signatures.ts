import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Jws } from './mojaloop.ts'
import type { Received } from './server.ts'
import type { Settings } from './settings.ts'

interface Outgoing {
  method: string
  path: string
  headers: Record<string, string>
  text: string
}

/** Signs what the hub itself says, and checks what DFSPs say, with Mojaloop's own library; each where it is switched on. */
export class Signatures {
  private readonly hub: string
  private readonly settings: Settings['ENDPOINT_SECURITY']['JWS']

  constructor({ ENDPOINT_SECURITY, HUB_PARTICIPANT }: Settings) {
    this.settings = ENDPOINT_SECURITY.JWS
    this.hub = HUB_PARTICIPANT.NAME
  }

  sign({ method, path, headers, text }: Outgoing): void {
    if (!this.settings.JWS_SIGN || headers['fspiop-source'] !== this.hub) return
    const signingKey = readFileSync(this.settings.JWS_SIGNING_KEY_PATH, 'utf8')
    new Jws.signer({ signingKey, logger: SILENT }).sign({ method, uri: path, headers, body: text })
  }

  /** What is wrong with a DFSP's signature; undefined when nothing is, or nobody asks for one. */
  fault({ headers, body }: Received): string | undefined {
    if (!this.settings.JWS_VALIDATE) return undefined
    const source = headers['fspiop-source'] ?? ''
    const path = join(this.settings.JWS_VERIFICATION_KEYS_DIRECTORY, `${source}.pem`)
    if (!/^\w+$/.test(source) || !existsSync(path)) return `no key of ${source}`
    try {
      const validationKeys = { [source]: readFileSync(path, 'utf8') }
      new Jws.validator({ validationKeys, logger: SILENT }).validate({ headers, body })
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}

const nothing = () => {}
const SILENT = {
  isDebugEnabled: false,
  debug: nothing,
  error: nothing,
  warn: nothing,
  info: nothing,
  push: () => SILENT,
  child: () => SILENT,
}
