import { FakeCommands } from './step-context.ts'

export interface FakeContainer {
  service: string
  state: string
  /** What `docker ps` says besides: `Up 3 minutes (healthy)`, `Exited (1) 2 seconds ago`. */
  status: string
  hash: string
}

type Outcome = { code?: number; stderr?: string } | undefined

/** Docker's client as Compose steps see it. */
export class FakeDocker {
  containers: FakeContainer[] = []
  wanted: Record<string, string> = {}
  logs = ''
  /** Restart policies, by service. */
  policies: Record<string, string> = {}
  /** What `docker compose up` does. */
  up: (services: string[]) => Outcome | Promise<Outcome> = () => undefined
  /** How often Docker has started each container again, asked at each look, by service. */
  restarts: () => Record<string, number> = () => ({})
  /** After so many looks at the containers something changes. */
  onLook: (look: number) => void = () => {}
  #looks = 0

  readonly commands = new FakeCommands((argv) => {
    const line = argv.join(' ')
    if (line.includes(' config --hash')) {
      return Object.entries(this.wanted)
        .map(([name, hash]) => `${name} ${hash}\n`)
        .join('')
    }
    if (argv[1] === 'ps' && argv.includes('--quiet')) return 'id\n'
    if (argv[1] === 'ps') return this.#rows()
    if (argv[1] === 'inspect' && line.includes('RestartCount')) {
      return Object.entries(this.restarts())
        .map(([service, count]) => `/mojabox-${service}-1\t${service}\t${count}\t1\tfalse\n`)
        .join('')
    }
    if (argv[1] === 'inspect') {
      return Object.entries(this.policies)
        .map(([service, policy]) => `/mojabox-${service}-1\t${policy}\n`)
        .join('')
    }
    if (argv.includes('up')) return this.up(argv.filter((word) => word in this.wanted))
    if (argv.includes('logs')) return this.logs
    return undefined
  })

  add(service: string, state: string, status: string, hash = `hash-${service}`): void {
    this.containers = this.containers.filter((found) => found.service !== service)
    this.containers.push({ service, state, status, hash })
    this.wanted[service] ??= hash
  }

  healthy(...services: string[]): void {
    for (const service of services) this.add(service, 'running', 'Up 3 minutes (healthy)')
  }

  #rows(): string {
    this.#looks += 1
    this.onLook(this.#looks)
    return this.containers
      .map(
        ({ service, state, status, hash }) => `mojabox-${service}-1\t${service}\t${state}\t${status}\timage\t${hash}\n`,
      )
      .join('')
  }
}
