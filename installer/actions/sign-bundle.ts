import { generateKeyPairSync } from 'node:crypto'
import { open, rm, writeFile } from 'node:fs/promises'
import { keyIdOf } from '../../bundles/format/dsse.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import { readSigningKey, signaturePath, signBundle } from '../../bundles/format/signature.ts'
import type { Io } from '../cli/io.ts'
import { openWithBase } from './open-verified.ts'

/** `mojabox bundle keygen`: the private half for its owner alone, the public one beside it. @throws MojaboxError `key-exists` */
export async function makeKey(path: string, io: Io): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const publicPath = `${path}.pub`
  const file = await open(path, 'wx', 0o600).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'EEXIST' ? keyExists(path) : cause
  })
  try {
    await file.writeFile(privateKey.export({ type: 'pkcs8', format: 'pem' }))
    await writeFile(publicPath, publicKey.export({ type: 'spki', format: 'pem' }), { flag: 'wx', mode: 0o644 })
  } catch (cause) {
    await rm(path, { force: true })
    throw (cause as NodeJS.ErrnoException).code === 'EEXIST' ? keyExists(publicPath) : cause
  } finally {
    await file.close()
  }
  io.stdout(
    `${path}: keep it secret; it signs\n${publicPath}: give it to sites; they trust it\nkey ${keyIdOf(publicKey)}\n`,
  )
}

/** `mojabox bundle sign`: every byte is checked first. @throws MojaboxError kind bundle, or `key-invalid` */
export async function signFile(path: string, keyPath: string, io: Io): Promise<void> {
  const key = await readSigningKey(keyPath)
  const bundle = await openWithBase(path, undefined, io)
  try {
    await signBundle(path, bundle.manifest, key)
    io.stdout(`${signaturePath(path)}: signed by ${keyIdOf(key)}\ndigest ${bundle.manifest.digest}\n`)
  } finally {
    await bundle.close()
  }
}

function keyExists(path: string): MojaboxError {
  return new MojaboxError({
    code: 'key-exists',
    kind: 'usage',
    message: `${path} is there already`,
    found: 'a file of that name',
    needed: 'a name that is free: a key that was lost signs nothing more',
    next: 'mojabox bundle keygen OTHER-FILE',
  })
}
