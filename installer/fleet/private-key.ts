import { readFile } from 'node:fs/promises'
import ssh2, { type ParsedKey } from 'ssh2'
import { MojaboxError } from '../../bundles/format/error.ts'

/** What a private key file says without its passphrase. */
export interface KeyFile {
  path: string
  text: Buffer
  encrypted: boolean
  /** As SSH sends it; absent where the file hides it (old PEM formats, encrypted). */
  publicKey: Buffer | undefined
}

/** Reads a key file; undefined when there is none. @throws MojaboxError `host-auth` when it cannot be read */
export async function readKeyFile(path: string): Promise<KeyFile | undefined> {
  let text: Buffer
  try {
    text = await readFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw keyError(
      path,
      `reading the key file ${path}: ${code}`,
      code,
      'a readable private key',
      `make ${path} readable for you`,
      error,
    )
  }
  const container = openSshContainer(text.toString('latin1'))
  if (container !== undefined) return { path, text, ...container }
  const head = text.toString('latin1', 0, 512)
  return { path, text, encrypted: head.includes('ENCRYPTED'), publicKey: undefined }
}

/** The key, opened. @throws MojaboxError `host-auth`: wrong passphrase, or not a private key we can use */
export function openKey(file: KeyFile, passphrase: string | undefined): ParsedKey {
  const parsed = ssh2.utils.parseKey(file.text, passphrase)
  const key = Array.isArray(parsed) ? parsed[0] : parsed
  if (key !== undefined && !(key instanceof Error) && key.isPrivateKey()) return key
  if (file.encrypted) {
    throw keyError(
      file.path,
      `the passphrase does not open the key ${file.path}`,
      'a wrong passphrase',
      'the passphrase of that key',
      'correct the passphrase (or its reference in the site file), or add the key to ssh-agent',
      key,
    )
  }
  throw keyError(
    file.path,
    `${file.path} is not a private key that can be used`,
    'another format',
    'an OpenSSH or PEM private key: Ed25519, ECDSA or RSA',
    `convert it with ssh-keygen -p -f ${file.path}, or name another identityFile`,
    key,
  )
}

export function missingKey(path: string): MojaboxError {
  return keyError(
    path,
    `there is no key file ${path}`,
    'no such file',
    'the private key to log in with',
    'correct identityFile (or --identity)',
  )
}

function keyError(
  path: string,
  message: string,
  found: string,
  needed: string,
  next: string,
  cause?: unknown,
): MojaboxError {
  return new MojaboxError(
    {
      code: 'host-auth',
      kind: 'host',
      message,
      found: `${path}: ${found}`,
      needed,
      next: `${next}, then run the same command again`,
    },
    { cause },
  )
}

/** OpenSSH's own format keeps the public half readable (PROTOCOL.key). */
function openSshContainer(text: string): { encrypted: boolean; publicKey: Buffer | undefined } | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(text)?.[1]
  if (body === undefined) return undefined
  const data = Buffer.from(body, 'base64')
  let offset = 'openssh-key-v1\0'.length
  const field = (): Buffer | undefined => {
    if (offset + 4 > data.length) return undefined
    const start = offset + 4
    const end = start + data.readUInt32BE(offset)
    if (end > data.length) return undefined
    offset = end
    return data.subarray(start, end)
  }
  const cipher = field()
  field() // the key derivation function
  field() // and its options
  offset += 4 // how many keys: always one
  return { encrypted: cipher?.toString('latin1') !== 'none', publicKey: field() }
}
