import { verify } from 'node:crypto'
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
  fault({ headers, body, text }: Received): string | undefined {
    if (!this.settings.JWS_VALIDATE) return undefined
    const source = headers['fspiop-source'] ?? ''
    const path = join(this.settings.JWS_VERIFICATION_KEYS_DIRECTORY, `${source}.pem`)
    if (!/^\w+$/.test(source) || !existsSync(path)) return `no key of ${source}`
    const key = readFileSync(path, 'utf8')
    try {
      const validationKeys = { [source]: key }
      new Jws.validator({ validationKeys, logger: SILENT }).validate({ headers, body })
      return undefined
    } catch (error) {
      if (holdsAsSent(headers['fspiop-signature'], text, key)) return undefined
      return error instanceof Error ? error.message : String(error)
    }
  }
}

/** The library puts a body's names in order before it checks; older ones of its kind sign the body as it is sent. */
function holdsAsSent(header: string | undefined, text: string, key: string): boolean {
  const { signature = '', protectedHeader = '' } = JSON.parse(header ?? '{}') as Record<string, string>
  const signed = `${protectedHeader}.${Buffer.from(text).toString('base64url')}`
  return verify('sha256', Buffer.from(signed), key, Buffer.from(signature, 'base64url'))
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
