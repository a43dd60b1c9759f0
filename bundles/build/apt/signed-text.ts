import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MojaboxError } from '../../format/error.ts'

/**
 * The text that an inline-signed document (`InRelease`) vouches for, once `gpgv` has found a good signature by one of
 * the keys: keyring paths, armoured key blocks, or fingerprints of keys in them.
 * @throws MojaboxError `archive-unsigned`, `gpgv-missing`
 */
export async function verifySignedText(
  what: string,
  archive: string,
  signed: Buffer,
  keys: string[],
  signal: AbortSignal,
): Promise<string> {
  const fingerprints = keys
    .filter((key) => /^[0-9A-Fa-f]{40}!?$/.test(key))
    .map((key) => key.replace('!', '').toUpperCase())
  const folder = await mkdtemp(join(tmpdir(), 'mojabox-'))
  try {
    const keyrings = await prepareKeyrings(
      folder,
      keys.filter((key) => !/^[0-9A-Fa-f]{40}!?$/.test(key)),
    )
    if (keyrings.length === 0) throw noKeyring(what, archive)
    await writeFile(join(folder, 'signed'), signed)
    const status = await runGpgv(
      [
        ...keyrings.flatMap((path) => ['--keyring', path]),
        '--status-fd',
        '1',
        '--output',
        join(folder, 'text'),
        join(folder, 'signed'),
      ],
      what,
      signal,
    )
    const lines = status.split('\n')
    const good = lines.some((line) => line.startsWith('[GNUPG:] GOODSIG'))
    const bad = lines.some((line) => line.startsWith('[GNUPG:] BADSIG'))
    const byWanted =
      fingerprints.length === 0 ||
      lines.some((line) => line.startsWith('[GNUPG:] VALIDSIG') && fingerprints.some((key) => line.includes(key)))
    if (!good || bad || !byWanted) throw unsigned(what, archive, lines, keyrings)
    return await readFile(join(folder, 'text'), 'utf8')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** gpgv reads binary keyrings only: armoured ones are decoded into the folder. */
async function prepareKeyrings(folder: string, keys: string[]): Promise<string[]> {
  const paths: string[] = []
  for (const [position, key] of keys.entries()) {
    const inline = key.includes('BEGIN PGP')
    const content = inline ? Buffer.from(key) : await readFile(key).catch(() => undefined)
    if (content === undefined) continue
    const binary = dearmour(content.toString('latin1'))
    if (binary === undefined) {
      paths.push(key)
      continue
    }
    const path = join(folder, `keyring-${position}.gpg`)
    await writeFile(path, binary)
    paths.push(path)
  }
  return paths
}

/** The bytes within `BEGIN PGP PUBLIC KEY BLOCK`; undefined when the text is no such block. */
function dearmour(text: string): Buffer | undefined {
  // In deb822 files an empty line within a block is written as a dot.
  const plain = text.replaceAll('\r', '').replaceAll(/^\.$/gm, '')
  const body = /-----BEGIN PGP PUBLIC KEY BLOCK-----\n(?:[\w-]+: .*\n)*\n?([\s\S]*?)\n(?:=[\w+/=]{4}\n)?-----END/.exec(
    plain,
  )?.[1]
  return body === undefined ? undefined : Buffer.from(body.replaceAll(/\s/g, ''), 'base64')
}

function runGpgv(args: string[], what: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('gpgv', args, { stdio: ['ignore', 'pipe', 'ignore'], signal, timeout: 60_000 })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.on('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT' ? gpgvMissing(what) : error))
    child.on('close', () => resolve(output))
  })
}

function gpgvMissing(what: string): MojaboxError {
  return new MojaboxError({
    code: 'gpgv-missing',
    kind: 'usage',
    message: `checking the signature of ${what}: not possible here`,
    found: 'no gpgv on this machine',
    needed: 'gpgv',
    next: 'apt-get install gpgv',
  })
}

function noKeyring(what: string, archive: string): MojaboxError {
  return new MojaboxError({
    code: 'archive-unsigned',
    kind: 'usage',
    message: `checking the signature of ${what}: no key to check it with`,
    found: 'no keyring in the apt configuration, and none of the distribution on this machine',
    needed: 'the keyring of the archive',
    next: `--apt-keyring ${archive}=PATH (Debian: package debian-archive-keyring; Ubuntu: ubuntu-archive-keyring.gpg of package ubuntu-keyring)`,
  })
}

function unsigned(what: string, archive: string, lines: string[], keyrings: string[]): MojaboxError {
  const told = lines.flatMap(
    (line) => /^\[GNUPG:\] ((?:BADSIG|ERRSIG|EXPKEYSIG|REVKEYSIG|NO_PUBKEY|NODATA)\b.*)/.exec(line)?.[1] ?? [],
  )
  return new MojaboxError({
    code: 'archive-unsigned',
    kind: 'bundle',
    message: `checking the signature of ${what}: not signed by a key that is trusted`,
    found: told.join('; ') || 'no signature',
    needed: `a good signature by a key of ${keyrings.join(', ')}`,
    next: `use another mirror (--apt-mirror ${archive}=URL), or name the right keyring (--apt-keyring ${archive}=PATH)`,
  })
}
