import { randomBytes } from 'node:crypto'
import { chmod, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeWhole } from '../../bundles/format/write-whole.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import { makeFolder } from './make-folder.ts'

const PLACEHOLDER = /\{\{secret:([a-z0-9-]+)\}\}/g

export function secretPath(name: string): string {
  return join(NODE_PATHS.secrets, name)
}

/** Makes the secret once: `bytes` random bytes as hexadecimal, readable by root alone. An existing one stays. */
export async function makeSecret(name: string, bytes: number): Promise<void> {
  const there = await stat(secretPath(name)).catch(() => undefined)
  if (!there || there.size === 0) return keepSecret(name, randomBytes(bytes).toString('hex'))
  await chmod(NODE_PATHS.secrets, 0o700)
  await chmod(secretPath(name), 0o600)
}

/** Writes it, over what is there. */
export async function keepSecret(name: string, value: string): Promise<void> {
  await makeFolder(NODE_PATHS.secrets, 0o700)
  await chmod(NODE_PATHS.secrets, 0o700)
  await writeWhole(secretPath(name), (file) => file.writeFile(value), 0o600)
}

/** Undefined where there is none, or where others could have read it. */
export async function secretValue(name: string): Promise<string | undefined> {
  const found = await stat(secretPath(name)).catch(() => undefined)
  if (!found || found.size === 0 || (found.mode & 0o777) !== 0o600) return undefined
  return readFile(secretPath(name), 'utf8')
}

/** For whoever may be the agent, which is no root: its unit hands it what it may read. Undefined where there is none. */
export async function handedSecret(name: string): Promise<string | undefined> {
  if (process.getuid?.() === 0) return secretValue(name)
  return readFile(join(NODE_PATHS.agentSecrets, name), 'utf8').catch(() => undefined)
}

/** Replaces `{{secret:NAME}}` by what this node keeps under that name. @throws when it keeps none */
export async function fillSecrets(text: string): Promise<string> {
  const names = new Set([...text.matchAll(PLACEHOLDER)].map((match) => match[1] ?? ''))
  const values = new Map<string, string>()
  for (const name of names) values.set(name, await readFile(secretPath(name), 'utf8'))
  return text.replace(PLACEHOLDER, (_, name: string) => values.get(name) ?? '')
}

/** The text with every secret of this node blotted out: for logs that leave it. */
export async function redact(text: string): Promise<string> {
  return (await openRedaction())(text)
}

/** The same for many texts: the secrets are read once. */
export async function openRedaction(): Promise<(text: string) => string> {
  const names = await readdir(NODE_PATHS.secrets).catch(() => [])
  const values = await Promise.all(names.map((name) => readFile(secretPath(name), 'utf8').catch(() => '')))
  const long = values.filter((value) => value.length >= 8)
  return (text) => long.reduce((rest, value) => rest.replaceAll(value, '***'), text)
}
