import type { Facts } from '../contract/facts.ts'
import { readText } from './text-file.ts'

export async function collectOs(): Promise<Facts['os']> {
  const text = (await readText('/etc/os-release')) ?? (await readText('/usr/lib/os-release'))
  return text === null ? null : parseOsRelease(text)
}

/** Reads os-release(5); null when it names no system. */
export function parseOsRelease(text: string): Facts['os'] {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^([A-Z_]+)=(.*)$/.exec(line.trim())
    if (match?.[1]) values.set(match[1], unquoted(match[2] ?? ''))
  }
  const id = values.get('ID')
  if (!id) return null
  // Debian's testing has no number, only a name.
  const versionId = values.get('VERSION_ID') ?? values.get('VERSION_CODENAME') ?? ''
  return {
    id,
    versionId,
    prettyName: values.get('PRETTY_NAME') ?? id,
    idLike: (values.get('ID_LIKE') ?? '').split(/\s+/).filter(Boolean),
    key: versionId === '' ? id : `${id}-${versionId}`,
  }
}

function unquoted(value: string): string {
  return /^(['"]).*\1$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value
}
