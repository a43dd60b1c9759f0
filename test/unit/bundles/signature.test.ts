import { createPrivateKey, generateKeyPairSync, verify } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { keyIdOf } from '../../../bundles/format/dsse.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import {
  readEnvelope,
  readSigningKey,
  readTrustedKey,
  requireSignature,
  signaturePath,
  signBundle,
} from '../../../bundles/format/signature.ts'
import { makeKey, signFile } from '../../../installer/actions/sign-bundle.ts'
import { trustIn } from '../../../installer/actions/trusted-bundle.ts'
import { FakeIo } from '../render/fake-io.ts'
import { buildIn, specOf } from './build-in.ts'
import { temporaryFolder } from './temporary-folder.ts'

let folder: string
let path: string
const io = () => new FakeIo({ env: { MOJABOX_CACHE: join(folder, 'cache') } })
const keyOf = async (name: string) => {
  await makeKey(join(folder, name), io())
  return { private: join(folder, name), public: join(folder, `${name}.pub`) }
}
const refused = (code: string) => expect.objectContaining({ facts: expect.objectContaining({ code, kind: 'bundle' }) })

beforeEach(async () => {
  folder = temporaryFolder()
  path = (await buildIn(folder, { spec: specOf({}) })).path
})

async function required(...publicPaths: string[]): Promise<string[]> {
  const bundle = await openBundle(path)
  await bundle.close()
  return requireSignature(await readEnvelope(path), bundle.manifest, await Promise.all(publicPaths.map(readTrustedKey)))
}

describe('signing a bundle', () => {
  it('makes a key for its owner alone, and overwrites none', async () => {
    const key = await keyOf('release')
    expect((await stat(key.private)).mode & 0o777).toBe(0o600)
    const before = await readFile(key.private, 'utf8')
    await expect(makeKey(key.private, io())).rejects.toMatchObject({ facts: { code: 'key-exists', kind: 'usage' } })
    await writeFile(join(folder, 'other.pub'), '')
    await expect(keyOf('other')).rejects.toMatchObject({ facts: { code: 'key-exists' } })
    await expect(stat(join(folder, 'other'))).rejects.toThrow('ENOENT')
    expect(await readFile(key.private, 'utf8')).toBe(before)
  })

  it('is held by those who trust the key, and leaves the bundle as it was', async () => {
    const key = await keyOf('release')
    const before = await readFile(path)
    await signFile(path, key.private, io())
    expect((await readFile(path)).equals(before)).toBe(true)
    expect(await required(key.public)).toEqual([keyIdOf(await readTrustedKey(key.public))])
  })

  it('signs what DSSE says is signed, so that other tools can check it', async () => {
    const key = await keyOf('release')
    await signFile(path, key.private, io())
    const { payloadType, payload, signatures } = JSON.parse(await readFile(signaturePath(path), 'utf8'))
    const body = Buffer.from(payload, 'base64')
    const signed = Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${body.length} `), body])
    const signature = Buffer.from(signatures[0].sig, 'base64')
    expect(verify(null, signed, await readTrustedKey(key.public), signature)).toBe(true)
    expect(JSON.parse(body.toString())).toMatchObject({ bundle: expect.stringMatching(/^sha256:/), deployment: 'test' })
  })

  it('takes several signatures, each key’s once', async () => {
    const [one, two] = [await keyOf('one'), await keyOf('two')]
    for (const key of [one, two, one]) await signFile(path, key.private, io())
    expect((await readEnvelope(path))?.signatures).toHaveLength(2)
    expect(await required(one.public, two.public)).toHaveLength(2)
    expect(await required(two.public)).toHaveLength(1)
  })

  it('is refused where nobody signed, where a stranger did, and where it is another bundle’s', async () => {
    const [known, stranger] = [await keyOf('known'), await keyOf('stranger')]
    await expect(required(known.public)).rejects.toEqual(refused('bundle-unsigned'))
    await signFile(path, stranger.private, io())
    await expect(required(known.public)).rejects.toEqual(refused('signer-unknown'))
    const other = await buildIn(temporaryFolder(), { spec: specOf({}, 'files: []').replace('1.0.0', '2.0.0') })
    await signFile(other.path, known.private, io())
    await writeFile(signaturePath(path), await readFile(signaturePath(other.path)))
    await expect(required(known.public)).rejects.toEqual(refused('signature-of-another'))
  })

  it('is refused where one bit of statement or signature is another, or the file is none', async () => {
    const key = await keyOf('release')
    await signFile(path, key.private, io())
    const envelope = JSON.parse(await readFile(signaturePath(path), 'utf8'))
    const [signature] = envelope.signatures
    const flipped = Buffer.from(signature.sig, 'base64')
    flipped[10] = (flipped[10] ?? 0) ^ 1
    const forged = { ...envelope, signatures: [{ ...signature, sig: flipped.toString('base64') }] }
    await writeFile(signaturePath(path), JSON.stringify(forged))
    await expect(required(key.public)).rejects.toEqual(refused('signature-wrong'))
    const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString())
    const payload = Buffer.from(JSON.stringify({ ...statement, version: '9.9.9' })).toString('base64')
    await writeFile(signaturePath(path), JSON.stringify({ ...envelope, payload }))
    await expect(required(key.public)).rejects.toEqual(refused('signature-wrong'))
    await writeFile(signaturePath(path), '{"payload')
    await expect(required(key.public)).rejects.toEqual(refused('signature-invalid'))
  })

  it('is looked at for a site before any host is reached, and only a person goes on without', async () => {
    const [known, stranger] = [await keyOf('known'), await keyOf('stranger')]
    const bundle = await openBundle(path)
    await bundle.close()
    const trusting = (trust: string[], allowUnsigned = false) =>
      trustIn(path, bundle.manifest, { trust, allowUnsigned })
    await expect(trusting([])).rejects.toEqual(refused('bundle-unsigned'))
    expect(await trusting([], true)).toEqual({ unsignedAllowed: true })
    await signFile(path, known.private, io())
    await expect(trusting([])).rejects.toEqual(refused('signer-unknown'))
    await expect(trusting([stranger.public])).rejects.toEqual(refused('signer-unknown'))
    expect(await trusting([stranger.public], true)).toEqual({ unsignedAllowed: true })
    expect(await trusting([stranger.public, known.public], true)).toMatchObject({
      signature: { keys: [expect.any(String), expect.any(String)] },
      unsignedAllowed: false,
    })
  })

  it('takes no key of another kind, and says what one is', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    await writeFile(join(folder, 'rsa'), rsa.export({ type: 'pkcs8', format: 'pem' }))
    await expect(readSigningKey(join(folder, 'rsa'))).rejects.toMatchObject({
      facts: { code: 'key-invalid', found: 'a key of type rsa', next: 'mojabox bundle keygen FILE' },
    })
    await expect(readTrustedKey(join(folder, 'gone'))).rejects.toMatchObject({ facts: { found: 'no such file' } })
  })

  it('drops the signatures of what was another bundle under that name', async () => {
    const key = await keyOf('release')
    const secret = createPrivateKey(await readFile(key.private))
    const bundle = await openBundle(path)
    await bundle.close()
    await signBundle(path, { ...bundle.manifest, digest: `sha256:${'0'.repeat(64)}` }, secret)
    await signFile(path, key.private, io())
    expect((await readEnvelope(path))?.signatures).toHaveLength(1)
    expect(await required(key.public)).toHaveLength(1)
  })
})
