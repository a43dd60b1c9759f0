import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import type { ProxyFacts } from '../contract/facts.ts'
import { readText } from './text-file.ts'

const NAMES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy']

const ClientConfig = z.object({
  proxies: z.record(
    z.string(),
    z.object({ httpProxy: z.string(), httpsProxy: z.string(), allProxy: z.string(), noProxy: z.string() }).partial(),
  ),
})
const DaemonConfig = z.object({
  proxies: z.object({ 'http-proxy': z.string(), 'https-proxy': z.string(), 'no-proxy': z.string() }).partial(),
})

export interface ProxyInputs {
  own: Record<string, string | undefined>
  manager: Record<string, string>
  dockerUnit: Record<string, string>
  dockerRunning: Record<string, string>
}

/** Every place where a proxy is set that could reach the hub; places without one are left out. */
export async function collectProxies(inputs: ProxyInputs): Promise<ProxyFacts[]> {
  const homes = [...new Set(['/root', homedir()])].map((home) => join(home, '.docker/config.json'))
  const [environment, daemon, ...clients] = await Promise.all(
    ['/etc/environment', '/etc/docker/daemon.json', ...homes].map(readText),
  )
  const found: ProxyFacts[] = [
    { source: 'this shell', reaches: 'host', variables: proxyVariables(inputs.own) },
    { source: '/etc/environment', reaches: 'host', variables: proxyVariables(parseEnvironmentFile(environment ?? '')) },
    { source: 'systemd', reaches: 'host', variables: proxyVariables(inputs.manager) },
    {
      source: 'the Docker daemon',
      reaches: 'docker',
      variables: {
        ...proxyVariables(inputs.dockerUnit),
        ...parseDaemonConfig(daemon ?? ''),
        ...proxyVariables(inputs.dockerRunning),
      },
    },
    ...homes.map(
      (source, at): ProxyFacts => ({ source, reaches: 'containers', variables: parseClientConfig(clients[at] ?? '') }),
    ),
  ]
  return found.filter((one) => Object.keys(one.variables).some((name) => name !== 'no_proxy'))
}

/** Only what concerns proxies, names in lower case, without passwords. */
export function proxyVariables(environment: Record<string, string | undefined>): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    const lower = name.toLowerCase()
    if (NAMES.includes(lower) && value) found[lower] = withoutPassword(value)
  }
  return found
}

/** Reads pam_env's /etc/environment. */
export function parseEnvironmentFile(text: string): Record<string, string> {
  const lines = text.split('\n').map((line) => line.trim().replace(/^export\s+/, ''))
  return Object.assign({}, ...lines.filter((line) => /^\w+=/.test(line)).map(lineOf))
}

function lineOf(line: string): Record<string, string> {
  const [, name = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
  return { [name]: value.replace(/^(["'])(.*)\1$/, '$2') }
}

/** The proxies that Docker's client hands to every container it makes. */
export function parseClientConfig(text: string): Record<string, string> {
  const proxies = ClientConfig.safeParse(json(text)).data?.proxies ?? {}
  const one = proxies.default ?? Object.values(proxies)[0]
  return proxyVariables({
    http_proxy: one?.httpProxy,
    https_proxy: one?.httpsProxy,
    all_proxy: one?.allProxy,
    no_proxy: one?.noProxy,
  })
}

export function parseDaemonConfig(text: string): Record<string, string> {
  const proxies = DaemonConfig.safeParse(json(text)).data?.proxies
  return proxyVariables({
    http_proxy: proxies?.['http-proxy'],
    https_proxy: proxies?.['https-proxy'],
    no_proxy: proxies?.['no-proxy'],
  })
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function withoutPassword(value: string): string {
  return value.replace(/\/\/[^/@\s]*@/g, '//***@')
}
