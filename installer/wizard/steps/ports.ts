import { CHECK } from '../after.ts'
import type { Draft } from '../draft.ts'
import { offersOf } from '../offers.ts'
import { cannot, type Step, type Taken, type World } from '../step.ts'

/** Other loopback ports for the hub, all in one line. */
export const ports: Step = {
  detour: true,
  tell: () => ['The hub listens on 127.0.0.1 only, on these ports. Change the numbers that others hold.'],
  ask: (draft, world) => ({
    kind: 'text',
    message: 'Which ports?',
    initial: Object.entries({ ...knownPorts(draft, world), ...draft.ports })
      .map(([name, port]) => `${name}=${port}`)
      .join(' '),
  }),
  take(draft, answer, world) {
    const known = knownPorts(draft, world)
    const names = Object.keys(known)
    const chosen: Record<string, number> = {}
    for (const pair of answer.split(/[\s,]+/).filter(Boolean)) {
      const [name = '', number = ''] = pair.split('=')
      const port = Number(number)
      if (!names.includes(name)) return refused(pair, `one of ${names.join(', ')}, as in ${names[0]}=23001`)
      if (!/^\d+$/.test(number) || port < 1 || port > 65_535) return refused(pair, 'a port from 1 to 65535')
      if (Object.values(chosen).includes(port)) return refused(pair, 'each port once')
      chosen[name] = port
    }
    const moved = Object.entries(chosen).filter(([name, port]) => known[name] !== port)
    return { draft: { ...draft, ports: Object.fromEntries(moved) }, ...CHECK }
  },
}

function knownPorts(draft: Draft, world: World): Record<string, number> {
  return offersOf(world).find(({ name }) => name === draft.profile)?.ports ?? {}
}

function refused(found: string, needed: string): Taken {
  return cannot('these ports cannot be', found, needed, 'type them again')
}
