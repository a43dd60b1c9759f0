import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../../bundles/format/digest.ts'
import { type Envelope, signed } from '../../../bundles/format/dsse.ts'
import { factsOf } from '../../../bundles/format/error.ts'
import { readEnvelope, requireSignature, signaturePath } from '../../../bundles/format/signature.ts'
import { temporaryFolder } from '../bundles/temporary-folder.ts'
import { FUZZ_LIMIT_MS, holds } from './holds.ts'
import { anyJson, deepJson, spoilt, spoiltBytes } from './made-up.ts'

const KEY = generateKeyPairSync('ed25519')
const STRANGER = generateKeyPairSync('ed25519')
const BUNDLE = digestOf('a bundle')
const statement = { bundle: BUNDLE, deployment: 'core-test-harness', version: '1.0.0' }
const PAYLOAD = Buffer.from(JSON.stringify(statement)).toString('base64')
const BARE = { payloadType: 'application/vnd.mojabox.bundle-statement.v1+json', payload: PAYLOAD, signatures: [] }
const GOOD = signed(signed(BARE, STRANGER.privateKey), KEY.privateKey)

/** What was signed, whoever else is named beside it. */
function saysTheSame(envelope: Envelope): boolean {
  const bytes = ({ payload }: Pick<Envelope, 'payload'>) => Buffer.from(payload, 'base64')
  const sigs = envelope.signatures.map(({ sig }) => Buffer.from(sig, 'base64').toString('hex'))
  const own = Buffer.from(GOOD.signatures.at(-1)?.sig ?? '', 'base64').toString('hex')
  return envelope.payloadType === GOOD.payloadType && bytes(envelope).equals(bytes(GOOD)) && sigs.includes(own)
}

describe('whatever lies beside a bundle as its signatures', () => {
  it(
    'it is refused as a fault of the bundle, unless it is the trusted key’s own word about this very bundle',
    async () => {
      const path = join(temporaryFolder(), 'bundle.tar')
      const texts = fc.oneof(
        spoilt(GOOD).map((value) => Buffer.from(JSON.stringify(value) ?? '')),
        spoiltBytes(Buffer.from(JSON.stringify(GOOD))),
        anyJson.map((value) => Buffer.from(JSON.stringify(value) ?? '')),
        fc.constant(Buffer.from(deepJson(50_000))),
      )
      let held = 0
      await holds(texts, 500, async (bytes) => {
        await writeFile(signaturePath(path), bytes)
        try {
          const envelope = await readEnvelope(path)
          requireSignature(envelope, { digest: BUNDLE }, [KEY.publicKey])
          expect(envelope && saysTheSame(envelope)).toBe(true)
          held += 1
        } catch (error) {
          if (!(error instanceof Error && 'facts' in error)) throw error
          expect(factsOf(error).kind).toBe('bundle')
        }
      })
      // Of a member that says nothing about it, such as the stranger's signature.
      expect(held).toBeGreaterThan(0)
      await writeFile(signaturePath(path), JSON.stringify(GOOD))
      expect(requireSignature(await readEnvelope(path), { digest: BUNDLE }, [KEY.publicKey])).toHaveLength(1)
      expect(() => requireSignature(GOOD, { digest: digestOf('another') }, [KEY.publicKey])).toThrow(
        'not of this bundle',
      )
    },
    FUZZ_LIMIT_MS,
  )
})
