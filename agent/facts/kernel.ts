import { release } from 'node:os'
import type { Facts } from '../contract/facts.ts'
import { readText } from './text-file.ts'

export async function collectKernel(): Promise<Facts['kernel']> {
  const name = release()
  const folder = `/lib/modules/${name}`
  const [loaded, builtin, loadable] = await Promise.all([
    readText('/proc/filesystems'),
    readText(`${folder}/modules.builtin`),
    readText(`${folder}/modules.dep`),
  ])
  return { release: name, overlay: hasOverlay(loaded, builtin, loadable) }
}

/** Whether overlay is there or can be loaded; null when neither can be known. */
export function hasOverlay(
  filesystems: string | null,
  builtin: string | null,
  loadable: string | null,
): boolean | null {
  if (filesystems && /^(nodev)?\s+overlay$/m.test(filesystems)) return true
  const modules = `${builtin ?? ''}\n${loadable ?? ''}`
  if (/\/overlay\.ko/.test(modules)) return true
  // Inside a container the host's module folder is out of sight: then nobody can say.
  return loadable === null ? null : false
}
