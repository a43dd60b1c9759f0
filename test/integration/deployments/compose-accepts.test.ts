import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadDeployment } from '../../../agent/deployments/core-test-harness/load.ts'
import { renderHub } from '../../../agent/deployments/core-test-harness/render.ts'
import { createRunCommand } from '../../../agent/runtimes/command.ts'
import { shippedBundle } from '../../unit/deployments/harness.ts'
import { definition } from '../../unit/deployments/shipped.ts'
import { orderOf } from '../../unit/service/orders.ts'
import { findCompose } from '../validate/hub-stack.ts'

const compose = await findCompose()
const run = createRunCommand(new AbortController().signal)
const host = { distribution: 'debian-13', architecture: 'amd64' }

/** Images that a site gives, where a profile has services that nobody publishes an image of. */
const settings = {
  services: Object.fromEntries(
    Object.entries(definition.services).flatMap(([name, { siteImage }]) =>
      siteImage ? [[name, { image: `${name}:mine` }]] : [],
    ),
  ),
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mojabox-compose-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.skipIf(!compose)('Compose itself', () => {
  it.each(Object.keys(definition.profiles))('accepts %s, and starts what is to last', async (profile) => {
    const deployment = await loadDeployment(shippedBundle().bundle, { ...host, profile })
    const own = Object.fromEntries(
      Object.entries(settings.services).filter(([name]) => deployment.profile.services.includes(name)),
    )
    const order = orderOf({ settings: { ...orderOf().settings, services: own } as never })
    const rendered = renderHub(order, deployment)
    const path = join(folder, `${profile}.yaml`)
    await writeFile(path, rendered.composeText)
    const asked = async (...more: string[]) => {
      const { stdout } = await run([...(compose ?? []), '-f', path, ...more])
      return stdout.split('\n').filter(Boolean).toSorted()
    }
    await asked('config', '--quiet')
    const { jobs, onDemand } = deployment.profile
    expect(await asked('config', '--services')).toEqual([...rendered.services, ...jobs].toSorted())
    expect(await asked('--profile', 'on-demand', 'config', '--services')).toEqual(
      [...rendered.services, ...jobs, ...onDemand].toSorted(),
    )
    expect(await readFile(path, 'utf8')).toContain('name: mojabox')
  })
})
