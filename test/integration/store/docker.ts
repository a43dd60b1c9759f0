import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRunCommand } from '../../../agent/runtimes/command.ts'
import { familiarName, imageIdIn, listImages } from '../../../agent/runtimes/docker.ts'

const run = createRunCommand()

/** The ID of the image of that name in this machine's Docker; undefined when there is none. */
export async function imageId(name: string): Promise<string | undefined> {
  return imageIdIn(await listImages(), name)
}

/** Whether this machine's Docker has an image, with or without a name. */
export async function hasImage(id: string): Promise<boolean> {
  return (await listImages()).some((image) => image.id === id)
}

/** Names in this machine's Docker that a mirror of a run gave to these images. */
export async function mirrorNames(names: string[]): Promise<string[]> {
  const tags = (await listImages()).flatMap((image) => image.tags)
  return tags.filter((tag) => /^127\.0\.0\.1:\d+\//.test(tag) && names.some((name) => tag.endsWith(`/${name}`)))
}

export async function tag(source: string, name: string): Promise<void> {
  await run(['docker', 'tag', source, familiarName(name)])
}

/** Loads an image's archive, as a person may have done. */
export async function load(archive: Buffer): Promise<void> {
  const child = spawn('docker', ['load'], { stdio: ['pipe', 'ignore', 'inherit'] })
  child.stdin.end(archive)
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`docker load ended with ${code}`)
}

/** Takes everything away that a test with these names can have left. */
export async function forget(names: string[]): Promise<void> {
  for (const name of [...names.map(familiarName), ...(await mirrorNames(names))]) {
    await run(['docker', 'rmi', '--force', name], { okCodes: [0, 1] })
  }
  await run(['docker', 'image', 'prune', '--force', '--filter', 'label=org.mojabox.test=tiny'])
}
