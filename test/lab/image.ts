import { buildEnvironment, docker, labLabel } from './docker.ts'
import { run } from './process.ts'

/** An image that the lab makes, and how. */
export interface LabImage {
  tag: string
  /** Stands for all inputs of the image, including the images it is built on. */
  key: string
  build(): Promise<void>
}

const keyLabel = 'org.mojabox.lab.key'

async function imageIsCurrent(tag: string, key: string): Promise<boolean> {
  const format = `{{index .Config.Labels "${keyLabel}"}}`
  const { stdout } = await run(['docker', 'image', 'inspect', '--format', format, tag], { allowFailure: true })
  return stdout.trim() === key
}

/** Builds an image unless the present one was made from the same inputs. @returns whether it was built. */
export async function ensureImage({ tag, key, build }: LabImage): Promise<boolean> {
  if (await imageIsCurrent(tag, key)) return false
  await build()
  return true
}

/** The labels, as `docker` flags, of an image that the lab makes. */
export function imageLabels(key: string): string[] {
  return [labLabel, `${keyLabel}=${key}`]
}

export interface ImageBuild {
  tag: string
  key: string
  contextPath: string
  /** Build stage to stop at; the last one without it. */
  target?: string
  args?: Readonly<Record<string, string>>
}

/** Builds an image. Its `apt-get` shares this machine's network, so that a mirror on loopback is reached too. */
export async function buildImage({ tag, key, contextPath, target, args = {} }: ImageBuild): Promise<void> {
  const flags = ['--quiet', '--network', 'host', '--tag', tag]
  for (const label of imageLabels(key)) flags.push('--label', label)
  for (const [name, value] of Object.entries(args)) flags.push('--build-arg', `${name}=${value}`)
  if (target !== undefined) flags.push('--target', target)
  const env = await buildEnvironment()
  // The old builder would leave the container of a failed build behind, without the lab's label.
  if (env.DOCKER_BUILDKIT === '0') flags.push('--force-rm')
  await docker(['build', ...flags, contextPath], { env })
}
