import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

/** A registry's user and password as HTTP Basic wants them (base64), or undefined when docker knows none. */
export type CredentialsOf = (registry: string) => string | undefined

const DockerConfig = z.object({ auths: z.record(z.string(), z.object({ auth: z.string().optional() })).optional() })

/** What `docker login` has kept in its configuration file (`$DOCKER_CONFIG`, or `~/.docker`). Helpers are not asked. */
export function dockerCredentials(env: NodeJS.ProcessEnv): CredentialsOf {
  const path = join(env.DOCKER_CONFIG || join(env.HOME || homedir(), '.docker'), 'config.json')
  const auths = readAuths(path)
  return (registry) => {
    const names =
      registry === 'docker.io'
        ? ['https://index.docker.io/v1/', 'docker.io', 'registry-1.docker.io']
        : [registry, `https://${registry}`]
    return names.map((name) => auths[name]?.auth).find((auth) => auth !== undefined && auth !== '')
  }
}

function readAuths(path: string): Record<string, { auth?: string | undefined }> {
  try {
    return DockerConfig.parse(JSON.parse(readFileSync(path, 'utf8'))).auths ?? {}
  } catch {
    return {}
  }
}
