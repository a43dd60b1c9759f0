import { z } from 'zod'

/** What came of asking for advisories. `unasked`: nobody who knows any was there to be asked. */
export type Verdict =
  | { outcome: 'clean'; packages: number; lesser: string[] }
  | { outcome: 'vulnerable'; found: string[] }
  | { outcome: 'unasked'; why: string }

const Advisory = z.object({ title: z.string(), url: z.string() })
const Vulnerability = z.object({
  name: z.string(),
  severity: z.string(),
  range: z.string(),
  via: z.array(z.union([z.string(), Advisory])),
})
const Answer = z.object({
  vulnerabilities: z.record(z.string(), Vulnerability),
  metadata: z.object({ dependencies: z.object({ prod: z.number() }) }),
})
/** What npm prints when it could not ask: the registry's answer, or what the network said. */
const Refusal = z.object({
  statusCode: z.number().optional(),
  message: z.string().optional(),
  error: z.object({ code: z.string().nullish(), summary: z.string() }).optional(),
})

const SEVERE = ['high', 'critical']
/** How a registry answers that has no advisories: a mirror of packages alone. */
const NOT_OFFERED = [404, 405, 410, 501]
/** No registry was reached at all. */
const UNREACHED = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH', 'ETIMEDOUT']

/**
 * What `npm audit --json` said.
 * @throws Error for any other answer: silence must not pass for a clean one
 */
export function verdictOf(stdout: string): Verdict {
  const json = jsonOf(stdout)
  const answer = Answer.safeParse(json)
  if (answer.success) {
    const all = Object.values(answer.data.vulnerabilities)
    const severe = all.filter(({ severity }) => SEVERE.includes(severity))
    if (severe.length > 0) return { outcome: 'vulnerable', found: severe.map(lineOf) }
    return { outcome: 'clean', packages: answer.data.metadata.dependencies.prod, lesser: all.map(lineOf) }
  }
  const { data: refusal } = Refusal.safeParse(json)
  if (refusal?.statusCode !== undefined && NOT_OFFERED.includes(refusal.statusCode))
    return { outcome: 'unasked', why: `the registry offers no advisories (it answers ${refusal.statusCode})` }
  const code = UNREACHED.find((each) => refusal?.error?.code === each || refusal?.message?.includes(each))
  if (code !== undefined) return { outcome: 'unasked', why: `no registry was reached (${code})` }
  throw new Error(
    `asking for advisories: ${refusal?.message ?? refusal?.error?.summary ?? 'an answer that says nothing'}`,
  )
}

function lineOf({ name, severity, range, via }: z.infer<typeof Vulnerability>): string {
  const [first] = via.filter((each) => typeof each !== 'string')
  return `${severity}: ${name} ${range}${first ? `: ${first.title} (${first.url})` : ''}`
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
