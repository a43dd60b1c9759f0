import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { StepHandler } from '../../contract/step.ts'
import { keepSecret, secretPath, secretValue } from '../../store/secrets.ts'

export interface KeyPairParams {
  /** Kept as two secrets: NAME-key and NAME-public. */
  name: string
}

/** An RSA key to sign messages with (JWS, RS256), made on the node: the private half never leaves it. PEM. */
export const keyPair: StepHandler<KeyPairParams> = {
  keepsData: true,

  describe: (params) => `key pair ${params.name}`,

  async isDone(_context, { name }) {
    const [key, publicKey] = await Promise.all([secretValue(`${name}-key`), secretValue(`${name}-public`)])
    return key !== undefined && publicKey === publicHalf(key)
  },

  async apply(_context, { name }) {
    const there = await secretValue(`${name}-key`)
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const key = there && publicHalf(there) ? there : privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    await keepSecret(`${name}-key`, key)
    await keepSecret(`${name}-public`, publicHalf(key) ?? '')
  },

  async undo(context, { name }) {
    if (!context.order.deleteData) return
    for (const half of ['key', 'public']) await rm(secretPath(`${name}-${half}`), { force: true })
  },
}

/** Undefined where that is no private key. */
function publicHalf(key: string): string | undefined {
  try {
    return createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'pem' }).toString()
  } catch {
    return undefined
  }
}
