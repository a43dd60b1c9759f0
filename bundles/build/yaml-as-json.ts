import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { MojaboxError } from '../format/error.ts'

/**
 * What a YAML file says, as JSON: that is YAML too, and read in a fiftieth of the time. Anchors and merges are resolved.
 * @throws MojaboxError `yaml-invalid`, with line and column
 */
export async function yamlAsJson(path: string): Promise<Buffer> {
  const text = await readFile(path, 'utf8')
  try {
    return Buffer.from(`${JSON.stringify(parse(text, { merge: true }), undefined, 1)}\n`)
  } catch (cause) {
    throw new MojaboxError(
      {
        code: 'yaml-invalid',
        kind: 'usage',
        message: `reading ${path}: it is not YAML`,
        found: (cause as Error).message.split('\n')[0] ?? '',
        needed: 'a YAML file, as the spec says (`asJson`)',
        next: `correct ${path}, then run the same command again`,
      },
      { cause },
    )
  }
}
