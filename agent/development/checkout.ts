import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Source } from './backing.ts'

const Package = z.object({
  name: z.string(),
  version: z.string().default('without a version'),
  scripts: z.record(z.string(), z.string()).default({}),
  dependencies: z.record(z.string(), z.string()).default({}),
})

/** A folder with a service's sources. */
export interface Checkout {
  path: string
  name: string
  version: string
  scripts: Record<string, string>
  /** Files and folders at its top. */
  entries: string[]
  /** package.json and package-lock.json as they are. */
  packageText: string
  lockText: string | undefined
}

/** @throws MojaboxError `checkout-missing` where there is no package.json that can be read */
export async function readCheckout(path: string): Promise<Checkout> {
  const file = join(path, 'package.json')
  try {
    const packageText = await readFile(file, 'utf8')
    const { name, version, scripts } = Package.parse(JSON.parse(packageText))
    const lockText = await readFile(join(path, 'package-lock.json'), 'utf8').catch(() => undefined)
    return { path, name, version, scripts, entries: await readdir(path), packageText, lockText }
  } catch (cause) {
    throw new MojaboxError(
      {
        code: 'checkout-missing',
        kind: 'usage',
        message: `${path} is no checkout of a service`,
        found: cause instanceof z.ZodError ? `${file} without a name` : (cause as Error).message,
        needed: 'the folder of a service’s repository, with its package.json',
        next: 'name that folder, then run the same command again',
      },
      { cause },
    )
  }
}

/** @throws MojaboxError `checkout-other` when its name is not one of the service's */
export function requireSourceOf(checkout: Checkout, service: string, source: Source | undefined): Source {
  if (source?.packages.includes(checkout.name)) return source
  throw new MojaboxError({
    code: 'checkout-other',
    kind: 'usage',
    message: source
      ? `${checkout.path} is not a checkout of ${service}`
      : `${service} is not made from a checkout that mojabox knows`,
    found: `package ${checkout.name} ${checkout.version}`,
    needed: source ? `package ${source.packages.join(' or ')}` : 'a Mojaloop service, such as central-ledger',
    next: source
      ? `name the checkout of ${source.packages.at(-1)}, or the service that ${checkout.name} is`
      : 'mojabox status   (it lists the services)',
  })
}
