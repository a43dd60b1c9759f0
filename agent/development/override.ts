import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Checkout } from './checkout.ts'
import { IMAGE_SCRIPT } from './image-script.ts'
import type { ImageView } from './image-view.ts'

/** On every image that is made for a checkout: by it they are found and taken away. */
export const DEVELOPMENT_LABEL = 'org.mojabox.development'

export interface OverrideParts {
  service: string
  /** The released image that the checkout is laid over. */
  image: string
  /** As Compose has it; undefined where the image's own counts. */
  command: string[] | undefined
  checkout: Checkout
  view: ImageView
  /** Loopback port of the node for the debugger. */
  debugPort: number | undefined
}

const INSPECT_PORT = 9229
const PACKAGE_FILES = ['package.json', 'package-lock.json']
const NEVER = ['node_modules', 'logs', '.git']
/** Read by jobs only: the running service need not start anew for them. */
const WITHOUT_RESTART = ['migrations', 'seeds']

/** The image made for a service's checkout. */
export function developmentImage(service: string): string {
  return `mojabox-development/${service}`
}

/** What of the checkout goes into the image: what the released one has too. */
export function sharedEntries({ checkout, view }: Pick<OverrideParts, 'checkout' | 'view'>): string[] {
  const inside = new Set(view.entries)
  return checkout.entries
    .filter((entry) => inside.has(entry) && !PACKAGE_FILES.includes(entry) && !NEVER.includes(entry))
    .sort()
}

/**
 * The Compose file that puts the checkout in the service's place: the released image with the checkout's files over its own,
 * and what `docker compose watch` does when they change. Pure.
 */
export function overrideOf(parts: OverrideParts): string {
  const { service, checkout, view, debugPort } = parts
  const packages = PACKAGE_FILES.filter((file) => checkout.entries.includes(file))
  const entries = sharedEntries(parts)
  const from = (entry: string) => join(checkout.path, entry)
  const definition = {
    image: developmentImage(service),
    build: { context: checkout.path, dockerfile_inline: dockerfile(parts, packages, entries) },
    // Compose copies files in with the owner that the container's user has on the *host*: root is on each. With the rest
    // of the capabilities dropped it must still read what belongs to the service's own user.
    user: 'root',
    cap_add: ['DAC_OVERRIDE'],
    ...(debugPort === undefined ? {} : debugging(parts, debugPort)),
    develop: {
      watch: [
        ...entries.map((entry) => ({
          action: WITHOUT_RESTART.includes(entry) ? 'sync' : 'sync+restart',
          path: from(entry),
          target: `${view.folder}/${entry}`,
          ignore: ['node_modules/'],
        })),
        ...packages.map((file) => ({ action: 'rebuild', path: from(file) })),
      ],
    },
  }
  const { command, ...rest } = definition as typeof definition & { command?: string[] }
  // Compose's own words come from `docker compose config`, where each `$` is doubled already.
  const escaped = { ...(escapeDollars(rest) as object), ...(command && { command }) }
  return stringify({ services: { [service]: escaped } }, { lineWidth: 0 })
}

function dockerfile({ service, image, view }: OverrideParts, packages: string[], entries: string[]): string {
  const copy = (files: string[], to: string) => `COPY ${JSON.stringify([...files, to])}`
  return [
    `FROM ${image}`,
    `LABEL ${DEVELOPMENT_LABEL}=${service}`,
    'USER root',
    copy(packages, '/mojabox-checkout/'),
    `RUN ${JSON.stringify(['node', '-e', IMAGE_SCRIPT, 'install'])}`,
    copy(packages, './'),
    ...entries.map((entry) => copy([entry], `${view.folder}/${entry}`)),
    '',
  ].join('\n')
}

function debugging({ command }: OverrideParts, port: number): object {
  const flags = ['--enable-source-maps', `--inspect=0.0.0.0:${INSPECT_PORT}`]
  const ports = [`127.0.0.1:${port}:${INSPECT_PORT}`]
  if (command?.[0] === 'node') return { ports, command: ['node', ...flags, ...command.slice(1)] }
  return { ports, environment: { NODE_OPTIONS: flags.join(' ') } }
}

function escapeDollars(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$')
  if (Array.isArray(value)) return value.map(escapeDollars)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, escapeDollars(each)]))
}
