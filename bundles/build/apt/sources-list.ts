import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseStanzas } from './control.ts'

/** One entry of the machine's apt configuration. */
export interface AptSource {
  uris: string[]
  suites: string[]
  components: string[]
  /** Architectures it is limited to; empty: all. */
  architectures: string[]
  /** Paths of keyrings, fingerprints, or an armoured key block; empty: the keys that apt trusts for all. */
  signedBy: string[]
}

/** The binary package sources of an apt configuration folder (`/etc/apt`), both formats, in apt's order. */
export async function readAptSources(folder: string): Promise<AptSource[]> {
  const parts = join(folder, 'sources.list.d')
  const names = (await readdir(parts).catch(() => [])).sort()
  const paths = [join(folder, 'sources.list'), ...names.map((name) => join(parts, name))]
  const sources: AptSource[] = []
  for (const path of paths) {
    const parse = path.endsWith('.sources')
      ? parseDeb822Sources
      : path.endsWith('.list')
        ? parseOneLineSources
        : undefined
    if (parse !== undefined) sources.push(...parse(await readFile(path, 'utf8').catch(() => '')))
  }
  return sources
}

/** `deb [arch=amd64 signed-by=/path] http://… bookworm main` */
export function parseOneLineSources(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const groups = /^\s*deb\s+(?:\[(?<options>[^\]]*)\]\s+)?(?<uri>\S+)\s+(?<suite>\S+)\s*(?<components>[^#]*)/.exec(
      line,
    )?.groups
    if (groups === undefined) return []
    const options = new Map(
      (groups.options ?? '').split(/\s+/).map((option) => option.split('=', 2) as [string, string | undefined]),
    )
    const list = (name: string) => (options.get(name) ?? '').split(',').filter(Boolean)
    return [
      {
        uris: [groups.uri ?? ''],
        suites: [groups.suite ?? ''],
        components: words(groups.components),
        architectures: list('arch'),
        signedBy: list('signed-by'),
      },
    ]
  })
}

export function parseDeb822Sources(text: string): AptSource[] {
  return parseStanzas(text).flatMap((stanza) => {
    const field = (name: string): string | undefined =>
      Object.entries(stanza).find(([key]) => key.toLowerCase() === name)?.[1]
    if (!words(field('types')).includes('deb') || field('enabled')?.toLowerCase() === 'no') return []
    const signedBy = field('signed-by') ?? ''
    return [
      {
        uris: words(field('uris')),
        suites: words(field('suites')),
        components: words(field('components')),
        architectures: words(field('architectures')),
        signedBy: signedBy.includes('BEGIN PGP') ? [signedBy] : signedBy.split(/[\s,]+/).filter(Boolean),
      },
    ]
  })
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter(Boolean)
}
