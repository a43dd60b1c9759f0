import { copyFile, mkdir, rm, rmdir, stat, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run } from './process.ts'

const FILE_SYSTEM_BYTES = 32 * 1024 * 1024

/** A removable medium of this machine, with files on it: a file system in a loop device. */
export class Medium {
  readonly #image: string
  readonly #mountPath: string

  private constructor(folder: string) {
    this.#image = join(folder, 'medium.ext4')
    this.#mountPath = join(folder, 'medium')
  }

  /** Makes one in a folder, and plugs it in. */
  static async make(folder: string, files: readonly string[]): Promise<Medium> {
    const medium = new Medium(folder)
    const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
    await writeFile(medium.#image, '')
    const contentBytes = sizes.reduce((sum, size) => sum + size, 0)
    await truncate(medium.#image, FILE_SYSTEM_BYTES + Math.ceil(contentBytes * 1.1))
    await run(['mkfs.ext4', '-q', '-m', '0', medium.#image])
    await mkdir(medium.#mountPath)
    await run(['mount', '-o', 'loop', medium.#image, medium.#mountPath])
    for (const file of files) await copyFile(file, medium.pathOf(file))
    await run(['umount', medium.#mountPath])
    await run(['mount', '-o', 'loop,ro', medium.#image, medium.#mountPath])
    return medium
  }

  pathOf(file: string): string {
    return join(this.#mountPath, basename(file))
  }

  /** What was not read yet cannot be read any more, and what was read neither, as nothing of it is kept in memory. */
  async pullOut(): Promise<void> {
    await truncate(this.#image, 1024 * 1024)
    await writeFile('/proc/sys/vm/drop_caches', '1')
  }

  async remove(): Promise<void> {
    await run(['umount', '--lazy', this.#mountPath], { allowFailure: true })
    await rmdir(this.#mountPath)
    await rm(this.#image, { force: true })
  }
}
