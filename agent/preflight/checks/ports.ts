import type { PortFacts } from '../../contract/facts.ts'
import { isOurs } from '../../facts/ours.ts'
import { type Check, fail, pass, warn } from '../check.ts'
import type { PortNeed } from '../requirements.ts'

interface Clash {
  need: PortNeed
  holder: PortFacts
}

/** Ports the hub publishes on loopback; held by the hub itself they count as free. */
export const ports: Check = {
  id: 'ports',
  title: 'Free ports',
  run({ ports: taken }, { ports: needs }) {
    const needed = needs.map(({ name, port }) => `${port} (${name})`).join(', ') || 'none'
    if (taken === null) return warn('could not be read', needed, 'compare with: sudo ss -ltnp')
    const clashes = needs.flatMap((need): Clash[] => {
      const holder = taken.find((one) => one.port === need.port && blocksLoopback(one.address) && !isHeldByUs(one))
      return holder ? [{ need, holder }] : []
    })
    if (clashes.length === 0) return pass(needs.length === 0 ? 'none needed' : 'all free', needed)
    const tell = clashes.every(({ need }) => need.optional) ? warn : fail
    return tell(
      clashes.map(({ need, holder }) => `${need.port} (${need.name}) is held by ${holderText(holder)}`).join('; '),
      `free on 127.0.0.1: ${clashes.map(({ need }) => need.port).join(', ')}`,
      fixText(clashes),
    )
  },
}

function isHeldByUs({ container, project, process }: PortFacts): boolean {
  return isOurs(container, project) || process === 'mojabox'
}

/** A listener on one other address of this machine leaves 127.0.0.1 free. */
function blocksLoopback(address: string): boolean {
  return ['127.0.0.1', '0.0.0.0', '::'].includes(address)
}

function holderText({ container, process, pid }: PortFacts): string {
  if (container !== null) return `the container ${container}`
  if (process === null) return 'another program'
  return pid === null ? process : `${process} (process ${pid})`
}

function fixText(clashes: readonly Clash[]): string {
  const stops = clashes.map(({ holder }) => {
    if (holder.container !== null) return `docker stop ${holder.container}`
    if (holder.pid !== null) return `see what it belongs to with systemctl status ${holder.pid}, then stop it`
    return `see who it is with sudo ss -ltnp 'sport = :${holder.port}', then stop it`
  })
  const others = clashes.map(({ need }) => `${need.name}: ${otherPort(need.port)}`).join(', ')
  return `${[...new Set(stops)].join('; ')}; or give the hub other ports in mojabox.yaml: ports: { ${others} }`
}

function otherPort(port: number): number {
  return port + 20_000 <= 65_535 ? port + 20_000 : port - 20_000
}
